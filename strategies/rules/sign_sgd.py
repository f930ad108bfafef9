"""signSGD with majority vote."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from frl.registry.ranges import Positive
from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.stack.blocks import columns


@register("sign_sgd")
@dataclass(frozen=True)
class SignSGD(Rule):
    """Move each coordinate by a fixed step where most updates point (Bernstein et al., ICLR 2019).

    ``result[j] = scale · sign(Σ sign(x_i[j]))``; a draw moves nothing. One client has one vote on
    each coordinate, whatever it sends.

    Parameters
    ----------
    scale : float
        Step of every coordinate, in units of the weights.
    """

    scale: Positive = 0.001

    space = "weights"
    formula = "s · sign(Σ sign(x_i[j])), for each j"
    breakdown = "f < n/2"
    cost = "O(n d)"
    influence = "one vote a coordinate; a step of at most 2s"
    paper = "Bernstein et al. 2019, arXiv:1810.05291"
    promises = frozenset({"bounded"})

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        out = updates.new_zeros(updates.shape[1])
        for block in columns(updates):
            votes = out[block]
            for row in updates[:, block]:
                votes.add_(torch.sign(row))
            votes.sign_().mul_(self.scale)
        return Aggregate(out, {})
