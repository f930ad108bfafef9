"""``Top``: a client sends the ranks of its top edges (Sparse-FRL)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from frl.errors import InputError
from frl.exchange.ballots import refine
from frl.exchange.forms.base import Form
from frl.ranking import Positions, kept_edges, permutation_fault
from frl.wire import Coding
from frl.wire.codings.sparse import Sparse, SparseDelta


@dataclass(frozen=True)
class Top(Form):
    """The ranks of the top edges, doubled so that a mean of ranks is an integer.

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

    def codings(self) -> dict[str, Coding]:
        """Return what codes the top of a ranking."""
        return {
            "sparse-delta": SparseDelta(self.share, self.unsent),
            "sparse": Sparse(self.share, self.unsent),
        }

    def of(self, update: Positions) -> NDArray[Any]:
        """Double the top ranks and level the others."""
        missing, level = self._missing(update.size)
        return np.where(update >= missing, 2 * update, np.int32(level)).astype(np.int32)

    def codable(self, update: Positions) -> NDArray[Any]:
        """Return the positions: the codings pick the top."""
        return update

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

    def values(self, sent: NDArray[Any]) -> NDArray[np.int32]:
        """Return the ranks, rounded down."""
        return sent // np.int32(2)

    def restore(self, sent: NDArray[Any], previous: Positions) -> Positions:
        """Rebuild a ranking that has this top."""
        return refine(sent, previous)

    def _missing(self, n: int) -> tuple[int, int]:
        missing = n - kept_edges(n, self.share)
        return missing, max(missing - 1, 0) if self.unsent == "mean" else 0
