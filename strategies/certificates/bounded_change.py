"""The most that a round can move where a rule bounds the length of a layer's whole change."""

from __future__ import annotations

import math


def most_moved(length: float) -> int:
    """Largest number of edges of a layer that enter its mask in one round, and so of those that go.

    The next ranking sorts the edges by ``q + delta``, ``q`` the positions the round began with and
    ``|delta| <= length``. If ``k`` edges go and ``k`` enter, all that enter are afterwards at or
    above a level that all that go are at or below. That takes least of ``|delta|^2`` where they
    are the ``k`` edges on either side of the boundary and the level lies between them: ``2 (1/4 +
    9/4 + ... + (k - 1/2)^2) = k (4 k^2 - 1) / 6``. It holds whoever votes, and is attained.

    Parameters
    ----------
    length : float
        Bound on the Euclidean length of the change of the layer, in ranks.
    """
    budget = 6.0 * length * length
    most = int(math.cbrt(budget / 4.0)) + 2
    while most and most * (4 * most * most - 1) > budget:
        most -= 1
    return most
