"""Certificates of a mask: proved bounds on the edges that malicious votes can move.

A layer's edges are ranked by an integer *sum*, ties by the previous ranking, and the top of them
are in the mask. :class:`Reach` says what malicious votes can make of the sums; from it alone follow

* the *pinned* edges, each of which is in the mask whatever the malicious votes are, and
* the most edges that can be *moved* out of the mask by any one set of malicious votes.

Both take one sort and O(n log n) time. Proofs are in ``docs/certificates.md``.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from frl.errors import InputError
from frl.ranking import Positions

Sums: TypeAlias = NDArray[np.int64]


class Reach(NamedTuple):
    """Bounds on what malicious votes can make of the sums of a layer's edges.

    For every set of malicious votes there are ``votes`` rearrangements of ``values`` whose sum
    ``X`` satisfies ``lowered[e] + X[e] <= sum of e <= raised[e] + X[e]`` for every edge ``e``.

    Attributes
    ----------
    raised, lowered : int64 array of shape (n,)
        The sums without the ``votes``, at most and at least.
    values : int64 array of shape (n,), ascending
        What one vote gives to the edges, in some order: ``0 .. n-1`` for rankings.
    votes : int
        How many such votes are added; 0 where ``raised`` and ``lowered`` hold all there is.
    """

    raised: Sums
    lowered: Sums
    values: Sums
    votes: int


class Certificate(NamedTuple):
    """The certificate of the mask of one layer.

    Attributes
    ----------
    edges : int
        In the mask.
    pinned : int
        Of these, edges that are in the mask under every attack.
    movable : int
        No attack takes more edges than this out of the mask.
    """

    edges: int
    pinned: int
    movable: int

    @property
    def certified(self) -> float:
        """Share of the mask that stays under every attack, which ones may depend on it."""
        return 1.0 - self.movable / self.edges if self.edges else 1.0

    @property
    def pinned_share(self) -> float:
        """Share of the mask whose edges each stay under every attack."""
        return self.pinned / self.edges if self.edges else 1.0


class Parts(NamedTuple):
    """The position of the mask in the ranking: its ``low`` lowest and ``high`` highest edges.

    Masks by score have ``low = 0``; masks by absolute score keep edges of both ends.
    """

    low: int
    high: int


def trivial(n: int, parts: Parts) -> Certificate:
    """Return what holds under any rule: at most ``n - k`` edges can take the place of ``k``."""
    kept = parts.low + parts.high
    return Certificate(kept, kept if kept == n else 0, min(kept, n - kept))


def certify(
    reach: Reach | None, ranking: Positions, previous: Positions, parts: Parts
) -> Certificate:
    """Bound what malicious votes can do to the mask of a layer.

    Parameters
    ----------
    reach : Reach or None
        ``None`` where nothing is known of the rule.
    ranking : int32 positions of shape (n,)
        The ranking without malicious votes; its mask is the one that edges are moved out of.
    previous : int32 positions of shape (n,)
        Breaks ties.
    parts : Parts

    Raises
    ------
    InputError
        If sums are too large for exact arithmetic in 64 bits.
    """
    n = previous.size
    known = trivial(n, parts)
    if reach is None or known.movable == 0:
        return known
    _require_exact(reach, n)
    pinned = movable = 0
    for side, high, size in ((reach, True, parts.high), (_turned(reach), False, parts.low)):
        if size:
            inside = ranking >= n - size if high else ranking < size
            ties = previous if high else (n - 1 - previous).astype(np.int32)
            found = _top(side, inside, ties)
            pinned, movable = pinned + found.pinned, movable + found.movable
    return Certificate(known.edges, pinned, min(known.movable, movable, known.edges - pinned))


class _Edges(NamedTuple):
    """Edges from the weakest, by sum and then by previous rank."""

    sums: Sums
    ties: Sums


def _top(reach: Reach, inside: NDArray[np.bool_], ties: Positions) -> Certificate:
    """Bound what can happen to the edges that are ``inside`` the top of a layer."""
    n, kept = ties.size, int(np.count_nonzero(inside))
    raised = reach.raised * n + ties
    lowered = reach.lowered * n + ties

    highest = np.sort(np.partition(raised, n - kept - 1)[n - kept - 1 :])
    reached = _level(_edges(highest, n), reach.values, reach.votes, n)
    least = lowered[inside] + reach.votes * reach.values[0] * n
    pinned = int(np.count_nonzero(least > reached))

    entering = np.sort(raised[~inside])
    leaving = np.sort(lowered[inside])[: entering.size]
    turned = _turned(reach)
    rising = _edges(entering[-leaving.size :], n)
    falling = _edges((n - 1 - leaving)[::-1], n)

    def swaps(count: int) -> bool:
        up = _Edges(rising.sums[-count:], rising.ties[-count:])
        down = _Edges(falling.sums[-count:], falling.ties[-count:])
        return _meet((up, reach.values), (down, turned.values), votes=reach.votes, n=n)

    least_count, most = 0, leaving.size
    while least_count < most:
        guess = (least_count + most + 1) // 2
        if swaps(guess):
            least_count = guess
        else:
            most = guess - 1
    return Certificate(kept, pinned, least_count)


def _meet(up: tuple[_Edges, Sums], down: tuple[_Edges, Sums], *, votes: int, n: int) -> bool:
    """Whether some level can be reached from below by ``up`` and from above by ``down``."""
    rooms = [_room(edges.sums, values, votes) for edges, values in (up, down)]
    heights = [int(_heights(room, votes).min()) for room in rooms]
    if sum(heights) != 0:
        return sum(heights) > 0
    ties = [
        _highest_tie(edges.ties, room, height, votes, n)
        for (edges, _), room, height in zip((up, down), rooms, heights, strict=True)
    ]
    return sum(ties) >= n


def _level(edges: _Edges, values: Sums, votes: int, n: int) -> int:
    """Highest level, ``sum * n + tie``, that all of the edges can reach together."""
    room = _room(edges.sums, values, votes)
    height = int(_heights(room, votes).min())
    return height * n + _highest_tie(edges.ties, room, height, votes, n)


def _room(sums: Sums, values: Sums, votes: int) -> Sums:
    """Most that the weakest edges can come to: each with one vote, else the first j in total."""
    best = values[: -sums.size - 1 : -1]
    if votes <= 1:
        return sums + votes * best
    total = np.cumsum(best)
    total *= votes
    total += np.cumsum(sums)
    return total


def _heights(room: Sums, votes: int) -> Sums:
    return room if votes <= 1 else room // np.arange(1, room.size + 1)


def _highest_tie(ties: Sums, room: Sums, height: int, votes: int, n: int) -> int:
    """Highest tie-breaker at a height at which edges with a lower one can still rise by 1."""
    if votes <= 1:
        return int(ties[room == height].min())
    spare = room - height * np.arange(1, room.size + 1)
    fits, fails = 0, n
    while fails - fits > 1:
        guess = (fits + fails) // 2
        if (np.cumsum(ties < guess) <= spare).all():
            fits = guess
        else:
            fails = guess
    return fits


def _turned(reach: Reach) -> Reach:
    """Turn a layer upside down."""
    return Reach(-reach.lowered, -reach.raised, -reach.values[::-1], reach.votes)


def _edges(keys: Sums, n: int) -> _Edges:
    sums = keys // n
    return _Edges(sums, keys - sums * n)


def _require_exact(reach: Reach, n: int) -> None:
    largest: Any = max(
        int(np.abs(part).max(initial=0)) for part in (reach.raised, reach.lowered)
    ) + reach.votes * int(np.abs(reach.values).max(initial=0))
    if largest * n >= 2**61:
        raise InputError(f"certificates: sums of {largest} on {n} edges are too large")
