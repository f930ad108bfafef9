"""Norm bounding: clip every update to a length, then average."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from frl.registry.ranges import Positive
from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.stack.combine import weighted_sum
from strategies.stack.norms import clip_factors, norms


@register("norm_bounding")
@dataclass(frozen=True)
class NormBounding(Rule):
    """Scale long updates down to a bound and average (Sun et al., 2019).

    ``result = (1/n) Σ x_i min(1, M/|x_i|)``. One client moves the result by at most ``M/n``, in
    any direction it likes.

    Parameters
    ----------
    bound : float, optional
        M; by default the median norm of the round.
    """

    bound: Positive | None = None

    space = "weights"
    formula = "(1/n) Σ x_i min(1, M/|x_i|)"
    breakdown = "none; damage is at most M f/n"
    cost = "O(n d)"
    influence = "at most M/n in any direction"
    paper = "Sun et al. 2019, arXiv:1911.07963"
    promises = frozenset({"bounded"})

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        lengths = norms(updates)
        bound = float(lengths.median()) if self.bound is None else self.bound
        factors = clip_factors(lengths, bound)
        vector = weighted_sum(updates, factors / len(updates))
        return Aggregate(vector, {}).weighing(factors, "long")
