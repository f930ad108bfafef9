"""``Ballots``: a client sends a few bits of rank for each edge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.exchange.ballots import ballot, dithered, noise, refine
from frl.exchange.forms.base import Form
from frl.exchange.steps import MOST_NOISES, encode_step, follow, moves
from frl.exchange.unmoved import Unmoved
from frl.ranking import Positions
from frl.task import Task
from frl.wire import Base, Coding
from frl.wire.boundaries import boundaries, midranks
from frl.wire.codings.ballot import Ballot


@dataclass(frozen=True)
class Ballots(Form):
    """The bucket of ranks that each edge lies in.

    A vote adds buckets; buckets of unequal width count as twice their mean rank.

    Parameters
    ----------
    bits, focus, centre
        See :func:`frl.wire.boundaries.boundaries`.
    dither : float
        Strength of the noise that a ranking gets before it is rounded, see
        :func:`frl.exchange.ballots.dithered`.
    """

    bits: int
    focus: float = 1.0
    centre: float = 0.5
    dither: float = 0.0

    dtype: ClassVar[str] = "uint8"

    def __post_init__(self) -> None:
        self._edges(1)

    def codings(self) -> dict[str, Coding]:
        """Return what codes such ballots; where buckets are equal, nothing is said of a centre."""
        focused = self.focus > 1.0
        return {"ballot": Ballot(self.bits, self.focus, self.centre if focused else 0.5)}

    def of(self, update: Positions) -> NDArray[Any]:
        """Round the positions."""
        return ballot(update, self.bits, focus=self.focus, centre=self.centre)

    def fault(self, sent: NDArray[Any]) -> str | None:
        """Admit only as many edges in each bucket as a ranking has."""
        expected = np.diff(self._edges(sent.size))
        counts = np.bincount(sent, minlength=expected.size)
        if counts.size > expected.size:
            return "out-of-range"
        return None if np.array_equal(counts, expected) else "wrong-counts"

    def votes(self, sent: NDArray[Any]) -> NDArray[Any]:
        """Return the buckets, or twice their mean ranks."""
        return sent if self.focus == 1.0 else midranks(self._edges(sent.size)).take(sent)

    def values(self, sent: NDArray[Any]) -> NDArray[np.int32]:
        """Return the mean rank of each edge's bucket, rounded down."""
        return (midranks(self._edges(sent.size)) // 2).take(sent)

    def unmoved(self, state: Positions) -> NDArray[Any]:
        """Return the ranks themselves where noise makes the mean bucket tell them apart."""
        return state if self.dither else super().unmoved(state)

    def restore(self, sent: NDArray[Any], previous: Positions) -> Positions:
        """Rebuild a ranking that has this ballot."""
        return refine(sent.astype(np.int32), previous)

    def dithered(self, update: Arrays, task: Task) -> Arrays:
        """Jitter a ranking, every layer by a stream of its own."""
        if not self.dither:
            return update
        return {
            name: self.jittered(positions, noise(task.seed, task.round, task.client, number))
            for number, (name, positions) in enumerate(update.items())
        }

    def undithered(self, sent: Arrays, base: Base, task: Task) -> Arrays:
        """Rebuild a ranking as far from the global one as the ballot is from that with the noise.

        In the ranking with this ballot that is nearest to the jittered global ranking, an edge
        moved only if its bucket did.
        """
        if not self.dither:
            return super().undithered(sent, base, task)
        given = self.given(base, task).state
        found = {}
        for name, ranks in base.state.items():
            moved = self.restore(sent[name], given[name]) - given[name]
            found[name] = refine(ranks + moved, ranks)
        return found

    def jittered(self, positions: Positions, rng: np.random.Generator) -> Positions:
        """Jitter the positions of a layer; the same generator does the same to everyone's."""
        return dithered(positions, self.bits, rng, strength=self.dither)

    def noise_sums(self, base: Base, *, seed: int, near: bool) -> Unmoved | None:
        """Return the sums of nobody's ballots, where noise is made to read those of equal buckets.

        Without dither none is made.
        """
        if self.focus != 1.0 or not self.dither:
            return None
        return Unmoved(self, base, seed=seed, near=near)

    def encode_step(
        self,
        sums: Mapping[str, NDArray[np.int32]],
        voters: Sequence[int],
        base: Base,
        *,
        seed: int,
        rows: Mapping[str, int],
        heard: Unmoved | None = None,
    ) -> bytes | None:
        """Encode the sums of ballots of equal buckets, with noise of no more voters than that."""
        if self.focus != 1.0 or (self.dither and len(voters) > MOST_NOISES):
            return None
        return encode_step(sums, self, voters, base, seed=seed, rows=rows, heard=heard)

    def moves(
        self,
        sums: Mapping[str, NDArray[Any]],
        voters: Sequence[int],
        base: Base,
        *,
        seed: int,
        heard: Unmoved | None = None,
    ) -> Arrays | None:
        """Return by how much the sums of equal buckets differ from those of clients that stay."""
        if self.focus != 1.0 or not self.dither:
            return None
        return moves(sums, self, voters, base, seed=seed, heard=heard)

    def follow(self, message: bytes, base: Base, *, seed: int) -> Base:
        """Follow joined steps from the ranking this side holds."""
        return follow(message, self, base, seed=seed)

    def _edges(self, n: int) -> NDArray[np.int64]:
        return boundaries(n, self.bits, focus=self.focus, centre=self.centre)
