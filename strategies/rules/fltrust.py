"""FLTrust: weigh updates by their agreement with one of the server's own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.stack.blocks import columns
from strategies.stack.combine import weighted_sum
from strategies.stack.norms import norms


@register("fltrust")
@dataclass(frozen=True)
class FLTrust(Rule):
    """Trust clients by their cosine to an update from a root shard (Cao et al., NDSS 2021).

    With ``g`` the server's own update: ``t_i = max(0, cos(x_i, g))`` and
    ``result = Σ t_i (|g|/|x_i|) x_i / Σ t_i``; 0 if nobody is trusted. One client moves the result
    only towards directions at an acute angle to ``g``, and never beyond the length of ``g``.
    """

    space = "weights"
    formula = "Σ t_i |g| x_i/|x_i| / Σ t_i, t_i = max(0, cos(x_i, g)), g the server's own update"
    breakdown = "any f, given a clean root shard"
    cost = "O(n d)"
    influence = "at most |g|, at an acute angle to g"
    paper = "Cao et al. 2021, arXiv:2012.13995"
    promises = frozenset({"bounded"})
    needs_root = True

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        assert context.root is not None
        root = context.root.to(updates.device, torch.float32)
        lengths = norms(updates)
        own = float(norms(root[None])[0])
        inverse = torch.where(lengths > 0, 1 / lengths, torch.zeros_like(lengths))
        trust = (_products(updates, root) * inverse).clamp_(min=0)
        total = float(trust.sum())
        scale = own / total if total > 0 else 0.0
        vector = weighted_sum(updates, trust * inverse * scale)
        return Aggregate(vector, {}).weighing(trust, "against")


def _products(stack: Tensor, vector: Tensor) -> Tensor:
    total = torch.zeros(len(stack), dtype=torch.float64, device=stack.device)
    for block in columns(stack, itemsize=8):
        total += stack[:, block].double() @ vector[block].double()
    return total.cpu()
