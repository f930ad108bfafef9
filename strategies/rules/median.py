"""Coordinatewise median."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.stack.order import median


@register("median")
@dataclass(frozen=True)
class Median(Rule):
    """Take the median of every coordinate (Yin et al., ICML 2018).

    ``result[j] = median(x_1[j], ..., x_n[j])``, the mean of the two middle values where n is even.
    One client moves a coordinate no farther than to a value next to the median of the others, but
    it does so in all coordinates at once.
    """

    space = "weights"
    formula = "median of x_i[j], for each j"
    breakdown = "f < n/2"
    cost = "O(n log² n · d)"
    influence = "each coordinate stays between the neighbours of the others' median"
    paper = "Yin et al. 2018, arXiv:1803.01498"
    promises = frozenset({"translation", "scaling", "bounded"})

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        return Aggregate(median(updates), {})
