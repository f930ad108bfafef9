"""Minimum diameter averaging."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from strategies.rules import register
from strategies.rules.base import Aggregate, RuleContext, RuleState
from strategies.rules.minority import MinorityRule
from strategies.stack.combine import mean_of
from strategies.stack.gram import gram, squared_distances


@register("mda")
@dataclass(frozen=True)
class MDA(MinorityRule):
    """Average the n-f updates whose largest mutual distance is least (El Mhamdi et al., 2020).

    ``result = mean of S``, ``S = argmin over |S| = n-f of max_{i,k in S} |x_i - x_k|``. One client
    is counted whenever it lies no farther from the honest updates than they from each other.

    Instead of trying all subsets, the diameter is found by bisection over the pairwise distances:
    a subset of diameter D exists exactly when f clients cover all pairs farther apart than D (a
    vertex cover). Where several subsets have the least diameter, clients in many far pairs go
    first, then those farthest from the rest.

    Parameters
    ----------
    f : int
        Malicious clients assumed.
    """

    space = "weights"
    formula = "mean of the n-f updates of least diameter"
    breakdown = "f < n/2"
    cost = "O(n² d + 2^f n² log n) at worst"
    influence = "1/(n-f) of an update within the honest diameter"
    paper = "El Mhamdi et al. 2020, arXiv:1905.03853"
    promises = frozenset({"translation", "scaling", "bounded"})

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        distances: NDArray[np.float64] = squared_distances(gram(updates)).numpy()
        dropped = farthest(distances, self.f, context.clients)
        kept = [row for row in range(len(updates)) if row not in dropped]
        return Aggregate(mean_of(updates, kept), {}).keeping(kept, len(updates))


def farthest(distances: NDArray[np.float64], f: int, clients: Sequence[int]) -> set[int]:
    """Find f rows without which the largest distance is least.

    Parameters
    ----------
    distances : array of shape (n, n)
        Symmetric.
    f : int
    clients : Sequence[int]
        Client id of each row; of two equal candidates the higher id is dropped.
    """
    order = np.lexsort((clients, distances.sum(axis=1)))[::-1]
    candidates = np.unique(distances)
    low, high = 0, len(candidates) - 1
    while low < high:
        guess = (low + high) // 2
        if _cover(distances > candidates[guess], f, order) is None:
            low = guess + 1
        else:
            high = guess
    dropped = _cover(distances > candidates[low], f, order) or set()
    others = [int(row) for row in order if int(row) not in dropped]
    return dropped.union(others[: f - len(dropped)])


def _cover(far: NDArray[np.bool_], budget: int, order: NDArray[np.intp]) -> set[int] | None:
    degrees = far.sum(axis=1)
    worst = int(order[np.argmax(degrees[order])])
    if degrees[worst] == 0:
        return set()
    if budget == 0 or degrees[worst] * budget < far.sum() // 2 or _matching(far) > budget:
        return None
    partners = [int(row) for row in np.flatnonzero(far[worst])]
    for removed in ([worst], partners):
        if len(removed) <= budget:
            left = far.copy()
            left[removed] = False
            left[:, removed] = False
            rest = _cover(left, budget - len(removed), order)
            if rest is not None:
                return rest | set(removed)
    return None


def _matching(far: NDArray[np.bool_]) -> int:
    """Count disjoint far pairs, found greedily: a cover needs one client of each."""
    free = np.ones(len(far), dtype=np.bool_)
    pairs = 0
    for row in range(len(far)):
        if free[row]:
            partner = np.flatnonzero(far[row] & free)
            if len(partner):
                free[[row, int(partner[0])]] = False
                pairs += 1
    return pairs
