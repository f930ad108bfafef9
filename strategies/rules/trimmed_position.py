"""Trimmed sum of the positions of every edge."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from strategies.rules import register
from strategies.rules.base import Aggregate, RuleContext, RuleState
from strategies.rules.minority import MinorityRule
from strategies.stack.combine import sum_dtype
from strategies.stack.order import trimmed_sum


@register("trimmed_position")
@dataclass(frozen=True)
class TrimmedPosition(MinorityRule):
    """Add up the positions of every edge without its f lowest and f highest.

    ``reputation[e] = Σ of p_(k)[e], f < k <= n-f``, ``p_(k)`` the k-th smallest position. One
    client moves an edge by at most the range of the positions kept, and f clients never put it
    outside what honest clients said.

    Parameters
    ----------
    f : int
        Malicious clients assumed.
    """

    space = "ranks"
    formula = "Σ p_i[e] less the f lowest and f highest"
    breakdown = "f < n/2"
    cost = "O(n log² n · d)"
    influence = "an edge stays within (n-2f) times the range of the others"
    paper = "the trimmed mean of Yin et al. 2018, arXiv:1803.01498, on edge positions"

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        kept = len(updates) - 2 * self.f
        dtype = sum_dtype(kept, max(context.layers))
        return Aggregate(trimmed_sum(updates, self.f, dtype), {})
