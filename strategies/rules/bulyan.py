"""Bulyan: Krum selection, then the mean around the median."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from frl.registry.ranges import Count
from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.rules.krum import nearest_to_others
from strategies.stack.gram import gram, squared_distances
from strategies.stack.order import mean_around_median


@register("bulyan")
@dataclass(frozen=True)
class Bulyan(Rule):
    """Choose n-2f updates by Krum, then average n-4f values a coordinate (El Mhamdi et al., 2018).

    With ``θ = n-2f`` updates chosen one at a time by Krum, ``result[j]`` is the mean of the
    ``θ-2f`` chosen values ``x_i[j]`` nearest their median. One client must pass Krum and then stay
    near the median in every coordinate.

    Parameters
    ----------
    f : int
        Malicious clients assumed; n >= 4f+3.
    repeat : bool
        Score the rest anew after each choice, as in the paper; otherwise score once.
    """

    f: Count
    repeat: bool = True

    space = "weights"
    formula = "mean of the n-4f values x_i[j] nearest their median, among n-2f chosen by Krum"
    breakdown = "n ≥ 4f+3"
    cost = "O(n² d)"
    influence = "each coordinate stays within the spread of the chosen"
    paper = "El Mhamdi et al. 2018, arXiv:1802.07927"
    promises = frozenset({"translation", "scaling", "bounded"})

    def minimum(self) -> int:
        """Let Krum choose enough for a trimmed mean."""
        return 4 * self.f + 3

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        distances = squared_distances(gram(updates))
        count = len(updates) - 2 * self.f
        chosen = nearest_to_others(distances, self.f, count, context.clients, repeat=self.repeat)
        vector = mean_around_median(updates, 2 * self.f, sorted(chosen))
        return Aggregate(vector, {}).keeping(chosen, len(updates))
