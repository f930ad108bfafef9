"""What a client sends of its ranking: all of it, a few bits an edge, or its top.

A form says what the receiver of an update sees, whether the update travels coded or as plain
arrays, and what that counts in a vote.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from frl.errors import InputError
from frl.exchange.ballots import ballot, dithered, refine
from frl.ranking import Positions, kept_edges, permutation_fault
from frl.wire.boundaries import boundaries, midranks


class Form(ABC):
    """What is sent of one layer of a ranking.

    Attributes
    ----------
    dtype : str
        NumPy type of what is sent.
    """

    dtype: ClassVar[str] = "int32"

    @abstractmethod
    def of(self, positions: Positions) -> NDArray[Any]:
        """Make what is sent of int32 positions of shape (n,)."""

    @abstractmethod
    def fault(self, sent: NDArray[Any]) -> str | None:
        """Say why an array of ``dtype`` is not what :meth:`of` makes, ``None`` if it is; O(n)."""

    @abstractmethod
    def votes(self, sent: NDArray[Any]) -> NDArray[Any]:
        """Return what is added up in a vote: integers of any scale, 0 to ``2 n``."""

    @abstractmethod
    def ranks(self, sent: NDArray[Any]) -> NDArray[np.int32]:
        """Return what each edge counts on the scale of ranks, 0 to ``n - 1``."""

    def ranking(self, sent: NDArray[Any], previous: Positions) -> Positions:
        """Rebuild a ranking; what was not told apart keeps the order it had."""
        return refine(self.votes(sent).astype(np.int32), previous)


@dataclass(frozen=True)
class Whole(Form):
    """Every position."""

    def of(self, positions: Positions) -> NDArray[Any]:
        """Return the positions."""
        return positions

    def fault(self, sent: NDArray[Any]) -> str | None:
        """Admit only a permutation."""
        return permutation_fault(sent, sent.size)

    def votes(self, sent: NDArray[Any]) -> NDArray[Any]:
        """Return the positions."""
        return sent

    def ranks(self, sent: NDArray[Any]) -> NDArray[np.int32]:
        """Return the positions."""
        return sent

    def ranking(self, sent: NDArray[Any], previous: Positions) -> Positions:
        """Return the positions."""
        return sent


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

    def of(self, positions: Positions) -> NDArray[Any]:
        """Round the positions."""
        return ballot(positions, self.bits, focus=self.focus, centre=self.centre)

    def dithered(self, positions: Positions, rng: np.random.Generator) -> Positions:
        """Jitter positions; the same generator does the same to everyone's."""
        return dithered(positions, self.bits, rng, strength=self.dither)

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

    def ranks(self, sent: NDArray[Any]) -> NDArray[np.int32]:
        """Return the mean rank of each edge's bucket, rounded down."""
        return (midranks(self._edges(sent.size)) // 2).take(sent)

    def ranking(self, sent: NDArray[Any], previous: Positions) -> Positions:
        """Rebuild a ranking that has this ballot."""
        return refine(sent.astype(np.int32), previous)

    def _edges(self, n: int) -> NDArray[np.int64]:
        return boundaries(n, self.bits, focus=self.focus, centre=self.centre)


@dataclass(frozen=True)
class Top(Form):
    """The ranks of the top edges (Sparse-FRL), doubled so that a mean of ranks is an integer.

    Parameters
    ----------
    share : float
        Share of edges sent: ``m = n - int((1 - share) n)``.
    unsent : {"mean", "zero"}
        What the other edges count as: the mean of the missing ranks, or 0.
    """

    share: float
    unsent: Literal["mean", "zero"] = "mean"

    def __post_init__(self) -> None:
        if not 0.0 < self.share <= 1.0:
            raise InputError(f"share of edges sent: got {self.share}; takes more than 0, at most 1")

    def of(self, positions: Positions) -> NDArray[Any]:
        """Double the top ranks and level the others."""
        missing, level = self._missing(positions.size)
        return np.where(positions >= missing, 2 * positions, np.int32(level)).astype(np.int32)

    def fault(self, sent: NDArray[Any]) -> str | None:
        """Admit only the doubled top ranks, each once, and the level of the others."""
        missing, level = self._missing(sent.size)
        top = sent >= 2 * missing
        if sent.size and int(sent.view(np.uint32).max()) > 2 * (sent.size - 1):
            return "out-of-range"
        if np.count_nonzero(top) != sent.size - missing or (sent[~top] != level).any():
            return "wrong-counts"
        if (sent[top] & 1).any():
            return "out-of-range"
        return permutation_fault(sent[top] // 2 - np.int32(missing), sent.size - missing)

    def votes(self, sent: NDArray[Any]) -> NDArray[Any]:
        """Return the doubled ranks."""
        return sent

    def ranks(self, sent: NDArray[Any]) -> NDArray[np.int32]:
        """Return the ranks, rounded down."""
        return sent // np.int32(2)

    def _missing(self, n: int) -> tuple[int, int]:
        missing = n - kept_edges(n, self.share)
        return missing, max(missing - 1, 0) if self.unsent == "mean" else 0
