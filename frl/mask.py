"""The boundaries of a mask: the ranks at which an edge gets or loses a coat, in both modes.

A mask of one coat is a set of edges. One of several coats is as many nested sets of one ranking,
and a weight counts once for each set that its edge is in (multicoated supermasks, Okoshi et al.,
ICML 2022). The widest set is the mask itself: its size depends on ``keep`` alone.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from frl.errors import InputError
from frl.ranking import kept_edges

Boundaries: TypeAlias = tuple[int, ...]


class MaskSteps(NamedTuple):
    """The coats of the edges of a layer as a step function of their rank.

    Attributes
    ----------
    at : tuple of int
        Ranks at which the number of coats changes, ascending.
    coats : tuple of int
        Coats below the first of them, between two, and from the last on: one more than ``at``.
    """

    at: Boundaries
    coats: tuple[int, ...]

    def of(self, ranks: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the coats of edges of these ranks."""
        return np.array(self.coats)[np.searchsorted(self.at, ranks, side="right")]


def coat_sizes(n: int, keep: float, coats: int) -> tuple[int, ...]:
    """Return how many edges each coat of a layer of ``n`` has, the widest first, in even steps.

    Coat ``i`` of ``N`` has ``ceil(k (N - i) / N)`` edges, ``k`` those of the mask.
    """
    kept = kept_edges(n, keep)
    return tuple(-(-kept * (coats - i) // coats) for i in range(coats))


def coat_gain(sizes: tuple[int, ...]) -> float:
    """Return the root mean square of the coats of an edge in the mask; 1 for a single coat."""
    if not sizes[0]:
        return 1.0
    return sqrt(sum(size * (2 * i + 1) for i, size in enumerate(sizes)) / sizes[0])


def mask_steps(
    n: int,
    keep: float,
    mask_by: str = "score",
    sorted_scores: NDArray[np.float32] | None = None,
    coats: int = 1,
) -> MaskSteps:
    """Return how many coats an edge of a layer has, by its rank.

    By score a coat has the highest ranks: one boundary each. By absolute score it has the edges of
    large negative and of large positive score: two each.

    Parameters
    ----------
    n : int
        Edges of the layer.
    keep : float
        Share of edges in the mask.
    mask_by : {"score", "abs"}
    sorted_scores : float32 array of shape (n,), optional
        The scores that ranks stand for, ascending; a mask by ``abs`` depends on them.
    coats : int

    Raises
    ------
    InputError
        If the mask is by absolute score and the scores are not known.
    """
    pairs = [
        _ends(n, kept, mask_by, sorted_scores) if 0 < kept < n else (0, n - kept)
        for kept in coat_sizes(n, keep, coats)
    ]
    at = sorted({end for pair in pairs for end in pair if 0 < end < n})
    found = tuple(sum(rank < low or rank >= high for low, high in pairs) for rank in (0, *at))
    return MaskSteps(tuple(at), found)


def _ends(
    n: int, kept: int, mask_by: str, sorted_scores: NDArray[np.float32] | None
) -> tuple[int, int]:
    """Return the ranks below the first and from the second of which an edge is in the set."""
    if mask_by == "score":
        return 0, n - kept
    if sorted_scores is None:
        raise InputError("mask_by 'abs' needs the sorted scores of the layer")
    size = np.abs(sorted_scores)
    least = np.partition(size, n - kept)[n - kept]
    negative = min(kept, int(np.count_nonzero(sorted_scores[size >= least] < 0)))
    return negative, n - kept + negative
