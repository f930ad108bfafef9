"""SparseFed: clipped updates, and only the largest coordinates of their sum applied."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from frl.registry.ranges import NonNegative, Positive, PositiveShare
from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.stack.combine import weighted_sum
from strategies.stack.norms import clip_factors, norms
from strategies.stack.sparse import largest, share_count


@register("sparsefed")
@dataclass(frozen=True)
class SparseFed(Rule):
    """Apply the k largest coordinates of an accumulated, clipped mean (Panda et al., AISTATS 2022).

    ``m ← ρ m + (1/n) Σ x_i min(1, M/|x_i|)``, ``e ← e + m``, ``result = top_k(e)``, then ``m`` and
    ``e`` are set to 0 where the result is not. Momentum and error feedback live on the server. One
    client adds at most ``M/n`` to the accumulators, and is heard only in coordinates that stand out
    for the sum.

    Parameters
    ----------
    bound : float, optional
        M; by default the median norm of the round.
    share : float
        Share of the coordinates applied in a round; ``k = max(1, round(share·d))``.
    momentum : float
        ρ.
    """

    bound: Positive | None = None
    share: PositiveShare = 0.01
    momentum: NonNegative = 0.9

    space = "weights"
    formula = "top_k of e + m, m = r m + (1/n) Σ x_i min(1, M/|x_i|), e what was not applied"
    breakdown = "none; damage is at most M f/n a round, in k coordinates"
    cost = "O(n d)"
    influence = "at most M/n on the accumulators"
    paper = "Panda et al. 2022, arXiv:2112.06274"
    promises = frozenset({"bounded"})

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        n, d = updates.shape
        lengths = norms(updates)
        bound = float(lengths.median()) if self.bound is None else self.bound
        momentum = weighted_sum(updates, clip_factors(lengths, bound) / n)
        if "momentum" in state:
            momentum.add_(state["momentum"].to(updates.device), alpha=self.momentum)
        error = momentum.clone()
        if "error" in state:
            error.add_(state["error"].to(updates.device))
        applied = largest(error, share_count(self.share, d))
        vector = torch.where(applied, error, torch.zeros_like(error))
        momentum.masked_fill_(applied, 0)
        error.masked_fill_(applied, 0)
        return Aggregate(vector, {"momentum": momentum, "error": error})
