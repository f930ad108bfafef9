"""Adaptive robust clipping."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from frl.registry.ranges import Count
from strategies.pre_aggregation import register
from strategies.pre_aggregation.base import PreAggregation
from strategies.rules.base import RuleContext
from strategies.stack.norms import clip_factors, norms, scale_rows


@register("arc")
@dataclass(frozen=True)
class ARC(PreAggregation):
    """Clip the ``k = int(2 (f/n) (n-f))`` longest updates to the next norm (Allouah et al., 2025).

    ``y_i = x_i min(1, C/|x_i|)``, ``C`` the (k+1)-th largest norm. Unlike a fixed bound it keeps
    the guarantee of the rule behind it.

    Parameters
    ----------
    f : int
        Malicious clients assumed.
    """

    f: Count

    space = "weights"
    formula = "y_i = x_i min(1, C/|x_i|), C the (k+1)-th largest norm, k = int(2 (f/n) (n-f))"
    cost = "O(n d)"
    paper = "Allouah et al. 2025, arXiv:2405.14432"

    def minimum(self) -> int:
        """Leave an honest client."""
        return self.f + 1

    def _transform(self, updates: Tensor, context: RuleContext, room: Tensor | None) -> Tensor:
        n = len(updates)
        clipped = 2 * self.f * (n - self.f) // n
        lengths = norms(updates)
        bound = float(lengths.sort().values[n - clipped - 1])
        return scale_rows(updates.clone() if room is None else room, clip_factors(lengths, bound))
