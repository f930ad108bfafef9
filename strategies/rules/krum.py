"""Krum, and the selection by Krum scores that other rules build on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from frl.registry.ranges import Count
from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.stack.gram import gram, squared_distances


@register("krum")
@dataclass(frozen=True)
class Krum(Rule):
    """Take the one update whose n-f-2 nearest neighbours are nearest (Blanchard et al., NIPS 2017).

    ``score_i = Σ of |x_i - x_k|² over the n-f-2 updates k nearest to i``; the result is the update
    of the smallest score. One client can become the result, if it sits among the honest ones.

    Parameters
    ----------
    f : int
        Malicious clients assumed; n >= 2f+3.
    """

    f: Count

    space = "weights"
    formula = "x_i of least Σ |x_i - x_k|² over its n-f-2 nearest k"
    breakdown = "n ≥ 2f+3"
    cost = "O(n² d)"
    influence = "can be the result, from inside the honest cloud"
    paper = "Blanchard et al. 2017, arXiv:1703.02757"
    promises = frozenset({"translation", "scaling", "bounded"})

    def minimum(self) -> int:
        """Leave every honest update an honest majority of neighbours."""
        return 2 * self.f + 3

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        distances = squared_distances(gram(updates))
        (best,) = nearest_to_others(distances, self.f, 1, context.clients)
        return Aggregate(updates[best].clone(), {}).keeping([best], len(updates))


def nearest_to_others(
    distances: Tensor, f: int, count: int, clients: Sequence[int], *, repeat: bool = False
) -> list[int]:
    """Choose rows by Krum score.

    Parameters
    ----------
    distances : Tensor
        Shape (n, n), squared.
    f : int
        Malicious clients assumed.
    count : int
        Rows to choose.
    clients : Sequence[int]
        Client id of each row; the lower id wins a tie.
    repeat : bool
        Score the remaining rows anew after each choice (Bulyan) instead of once (Multi-Krum).

    Returns
    -------
    list of int
        Rows, the best first.
    """
    left = list(range(len(distances)))
    if not repeat:
        return _by_score(distances, left, f, clients)[:count]
    chosen: list[int] = []
    while len(chosen) < count:
        best = _by_score(distances, left, f, clients)[0]
        chosen.append(best)
        left.remove(best)
    return chosen


def _by_score(distances: Tensor, rows: Sequence[int], f: int, clients: Sequence[int]) -> list[int]:
    neighbours = max(1, len(rows) - f - 2)
    among = distances[rows][:, rows].clone().fill_diagonal_(torch.inf)
    scores = among.sort(dim=1).values[:, :neighbours].sum(dim=1).tolist()
    ranked = sorted(zip(scores, (clients[row] for row in rows), rows, strict=True))
    return [row for _, _, row in ranked]
