"""The vote: add up positions as ballots arrive, then rank the edges by their sums.

FRL's rule (Mozaffari et al., USENIX Security 2023). It holds one sum an edge, however many clients
vote, and integer sums do not depend on the order in which ballots come.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frl.ranking import Positions, Ranking, invert, packed_order

_INT32_MAX = np.iinfo(np.int32).max


def rank_by(reputation: NDArray[Any], previous: Positions) -> Positions:
    """Rank edges by reputation; of equal ones, the higher previous rank stays higher.

    Parameters
    ----------
    reputation : integer or float array of shape (n,)
    previous : int32 positions of shape (n,)

    Returns
    -------
    int32 positions of shape (n,)
    """
    small = reputation.dtype.kind in "iu" and (
        reputation.dtype.itemsize <= 4 or int(np.abs(reputation).max(initial=0)) <= _INT32_MAX
    )
    if small:
        previous_rank = packed_order(reputation, previous)
        return invert(invert(previous)[previous_rank])
    return invert(np.lexsort((previous, reputation)))


class Vote:
    """A running sum of rankings.

    Parameters
    ----------
    previous : Ranking
        The global ranking that the round began with; it breaks ties.
    """

    def __init__(self, previous: Ranking) -> None:
        self._previous = previous
        self._sums: dict[str, NDArray[Any]] = {}
        self._most = {name: max(255, 2 * positions.size) for name, positions in previous.items()}
        self.count = 0

    def add(self, ballot: Mapping[str, NDArray[Any]]) -> None:
        """Add one ranking, or a ballot of integers up to twice its ranks; it is not kept."""
        self.count += 1
        for name, positions in ballot.items():
            sums = self._sums.get(name)
            if sums is None:
                self._sums[name] = positions.astype(np.int32)
                continue
            if sums.dtype == np.int32 and self.count * self._most[name] > _INT32_MAX:
                sums = self._sums[name] = sums.astype(np.int64)
            np.add(sums, positions, out=sums)

    @property
    def sums(self) -> Mapping[str, NDArray[Any]]:
        """Sums of the ballots so far, by layer."""
        return self._sums

    def result(self) -> Ranking:
        """Return the next global ranking; the previous one where nobody voted."""
        if not self.count:
            return self._previous
        return {
            name: rank_by(self._sums[name], previous) for name, previous in self._previous.items()
        }
