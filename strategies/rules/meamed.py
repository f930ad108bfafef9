"""Mean around the median, coordinatewise."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from strategies.rules import register
from strategies.rules.base import Aggregate, RuleContext, RuleState
from strategies.rules.minority import MinorityRule
from strategies.stack.order import mean_around_median


@register("meamed")
@dataclass(frozen=True)
class Meamed(MinorityRule):
    """Average, in every coordinate, the n-f values nearest the median (Xie et al., 2018).

    ``result[j] = (1/(n-f)) Σ of the n-f values x_i[j] with the smallest |x_i[j] - median[j]|``.
    One client that stays near the median is always counted; a far one never is.

    Parameters
    ----------
    f : int
        Malicious clients assumed.
    """

    space = "weights"
    formula = "mean of the n-f values x_i[j] nearest their median, for each j"
    breakdown = "f < n/2"
    cost = "O(n log² n · d)"
    influence = "each coordinate stays within the others' spread around their median"
    paper = "Xie et al. 2018, arXiv:1802.10116"
    promises = frozenset({"translation", "scaling", "bounded"})

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        return Aggregate(mean_around_median(updates, self.f), {})
