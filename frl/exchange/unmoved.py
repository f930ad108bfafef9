"""What the ballots of a round would add up to had nobody moved: the ranking, with voters' noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.exchange.ballots import noise
from frl.ranking import Positions
from frl.wire import Base
from frl.wire.boundaries import boundaries, bucket_table

_REACH = 6
"""Edges nearer than ``n / 2**_REACH`` ranks to the end of their bucket are near it."""


class Rounding(Protocol):
    """The rounding of rankings by clients, as :class:`frl.exchange.forms.Ballots` have it."""

    @property
    def bits(self) -> int:
        """Bits of a ballot."""
        ...

    @property
    def dither(self) -> float:
        """Strength of the noise, 0 for none."""
        ...

    def jittered(self, positions: Positions, rng: np.random.Generator) -> Positions:
        """Add the noise to the positions of a layer."""
        ...


class Unmoved:
    """Sums of the ballots of clients that leave a ranking as it is, one pass of noise for each.

    Whoever reads a dithered ballot has made its client's noise: :meth:`add` takes what that noise
    makes of the ranking. Only the noise of clients that were not added, or that do not count after
    all, is made here.

    Parameters
    ----------
    form : Rounding
        With equal buckets.
    base : Base
        The ranking and the round.
    seed : int
        Of the run.
    near : bool
        Whether to say besides buckets how near edges lie to their ends.
    """

    def __init__(self, form: Rounding, base: Base, *, seed: int, near: bool) -> None:
        self._form, self._base, self._seed = form, base, seed
        self._tables = {
            name: _tables(boundaries(positions.size, form.bits))[: 3 if near else 1]
            for name, positions in base.state.items()
        }
        self._sums = {
            name: [np.zeros(base.state[name].size, dtype=np.int32) for _ in tables]
            for name, tables in self._tables.items()
        }
        self._added: Counter[int] = Counter()

    def add(self, client: int, jittered: Arrays, times: int = 1) -> None:
        """Add the ranking with the noise of a client."""
        for name, totals in self._sums.items():
            for total, table in zip(totals, self._tables[name], strict=True):
                total += np.int32(times) * table.take(jittered[name])
        self._added[client] += times

    def over(self, voters: Sequence[int]) -> dict[str, list[NDArray[np.int32]]]:
        """Return the sums over voters: buckets, then nearness to their lower and upper ends."""
        if not self._form.dither:
            return {
                name: [
                    np.int32(len(voters)) * table.take(self._base.state[name]) for table in kinds
                ]
                for name, kinds in self._tables.items()
            }
        wanted = Counter(voters)
        for client in wanted | self._added:
            times = wanted[client] - self._added[client]
            if times:
                self.add(client, self._jittered(client), times)
        return self._sums

    def _jittered(self, client: int) -> dict[str, Positions]:
        round = self._base.round
        return {
            name: self._form.jittered(positions, noise(self._seed, round, client, layer))
            for layer, (name, positions) in enumerate(self._base.state.items())
        }


def _tables(edges: NDArray[np.int64]) -> list[NDArray[Any]]:
    """Bucket of each rank, and its nearness to the lower and the upper end of the bucket."""
    n, widths = int(edges[-1]), np.diff(edges)
    ranks, reach = np.arange(n), max(1, n >> _REACH)
    first, last = np.repeat(edges[:-1], widths), np.repeat(edges[1:], widths) - 1
    below = np.where(first > 0, reach - (ranks - first), 0)
    above = np.where(last < n - 1, reach - (last - ranks), 0)
    nearness = [np.maximum(side, 0).astype(np.int32) for side in (below, above)]
    return [bucket_table(edges).astype(np.int32), *nearness]
