"""Static clipping of updates to a norm."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from frl.registry.ranges import Positive
from strategies.pre_aggregation import register
from strategies.pre_aggregation.base import PreAggregation
from strategies.rules.base import RuleContext
from strategies.stack.norms import clip_factors, norms, scale_rows


@register("clipping")
@dataclass(frozen=True)
class Clipping(PreAggregation):
    """Scale updates longer than a bound down to it.

    ``y_i = x_i min(1, c/|x_i|)``. A fixed bound can weaken a robust rule behind it when honest
    norms change during training; ARC adapts it (Allouah et al., ICLR 2025).

    Parameters
    ----------
    bound : float
        c, in units of the updates.
    """

    bound: Positive = 2.0

    space = "weights"
    formula = "y_i = x_i min(1, c/|x_i|)"
    cost = "O(n d)"
    paper = "Allouah et al. 2025, arXiv:2405.14432"

    def _transform(self, updates: Tensor, context: RuleContext, room: Tensor | None) -> Tensor:
        factors = clip_factors(norms(updates), self.bound)
        return scale_rows(updates.clone() if room is None else room, factors)
