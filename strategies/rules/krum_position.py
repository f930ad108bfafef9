"""Krum on rankings."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from frl.registry.ranges import Count, PositiveCount
from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.rules.krum import nearest_to_others
from strategies.stack.combine import position_sum
from strategies.stack.gram import gram, spearman_weights, squared_distances


@register("krum_position")
@dataclass(frozen=True)
class KrumPosition(Rule):
    """Add up the rankings whose nearest neighbours are nearest.

    Krum scores (Blanchard et al., 2017) on Spearman's distance, the mean over the layers of
    ``Σ (p_i - p_k)² · 3/(n_l (n_l² - 1))``; every layer counts the same however large. The
    reputation is the sum of the ``select`` best. One client inside the honest cloud moves an edge
    by at most ``n_l - 1``, as in a sum.

    Parameters
    ----------
    f : int
        Malicious clients assumed; n >= 2f+3.
    select : int, optional
        Rankings to add up; n-f-2 by default, 1 is Krum.
    """

    f: Count
    select: PositiveCount | None = None

    space = "ranks"
    formula = "Σ p_i[e] over the n-f-2 clients of least Krum score on Spearman's distance"
    breakdown = "n ≥ 2f+3"
    cost = "O(n² d)"
    influence = "at most n_l - 1 on an edge, from inside the honest cloud"
    paper = "Blanchard et al. 2017, arXiv:1703.02757, on edge positions"

    def minimum(self) -> int:
        """Leave every honest ranking an honest majority of neighbours."""
        return max(2 * self.f + 3, self.select or 1)

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        weights = spearman_weights(context.layers)
        product = gram(updates, layers=context.layers, layer_weights=weights)
        count = self.select or len(updates) - self.f - 2
        chosen = nearest_to_others(squared_distances(product), self.f, count, context.clients)
        reputation = position_sum(updates, sorted(chosen), max(context.layers))
        return Aggregate(reputation, {}).keeping(chosen, len(updates))
