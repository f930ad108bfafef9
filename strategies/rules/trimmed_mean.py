"""Coordinatewise trimmed mean."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from strategies.rules import register
from strategies.rules.base import Aggregate, RuleContext, RuleState
from strategies.rules.minority import MinorityRule
from strategies.stack.order import trimmed_sum


@register("trimmed_mean")
@dataclass(frozen=True)
class TrimmedMean(MinorityRule):
    """Average every coordinate without its f smallest and f largest values (Yin et al., ICML 2018).

    ``result[j] = (1/(n-2f)) Σ of x_(k)[j], f < k <= n-f``, ``x_(k)`` the k-th smallest. One client
    moves a coordinate by at most 1/(n-2f) of the range of the values kept; f of them that stay
    inside the honest range are not noticed.

    Parameters
    ----------
    f : int
        Malicious clients assumed.
    """

    space = "weights"
    formula = "mean of x_i[j] less the f smallest and f largest, for each j"
    breakdown = "f < n/2"
    cost = "O(n log² n · d)"
    influence = "each coordinate stays within the range of the others"
    paper = "Yin et al. 2018, arXiv:1803.01498"
    promises = frozenset({"translation", "scaling", "bounded"})

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        total = trimmed_sum(updates, self.f, updates.dtype)
        return Aggregate(total.div_(len(updates) - 2 * self.f), {})
