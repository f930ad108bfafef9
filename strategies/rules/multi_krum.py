"""Multi-Krum: the mean of the updates with the best Krum scores."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from frl.registry.ranges import Count, PositiveCount
from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.rules.krum import nearest_to_others
from strategies.stack.combine import mean_of
from strategies.stack.gram import gram, squared_distances


@register("multi_krum")
@dataclass(frozen=True)
class MultiKrum(Rule):
    """Average the updates of the smallest Krum scores (Blanchard et al., NIPS 2017).

    ``score_i = Σ of |x_i - x_k|² over the n-f-2 updates k nearest to i``; the result is the mean of
    the ``select`` best. One client inside the honest cloud counts ``1/select``.

    Parameters
    ----------
    f : int
        Malicious clients assumed; n >= 2f+3.
    select : int, optional
        Updates to average; n-f-2 by default, as many as a score has neighbours.
    repeat : bool
        Choose one at a time and score the rest anew each time, as Shejwalkar and Houmansadr
        (NDSS 2021) do, instead of scoring once.
    """

    f: Count
    select: PositiveCount | None = None
    repeat: bool = False

    space = "weights"
    formula = "mean of the n-f-2 updates of least Krum score"
    breakdown = "n ≥ 2f+3"
    cost = "O(n² d)"
    influence = "1/select of an update inside the honest cloud"
    paper = "Blanchard et al. 2017, arXiv:1703.02757"
    promises = frozenset({"translation", "scaling", "bounded"})

    def minimum(self) -> int:
        """Leave every honest update an honest majority of neighbours."""
        return max(2 * self.f + 3, self.select or 1)

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        count = self.select or len(updates) - self.f - 2
        distances = squared_distances(gram(updates))
        chosen = nearest_to_others(distances, self.f, count, context.clients, repeat=self.repeat)
        return Aggregate(mean_of(updates, chosen), {}).keeping(chosen, len(updates))
