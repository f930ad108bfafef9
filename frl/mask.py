"""The boundaries of a mask: the ranks at which an edge enters or leaves it, in both modes."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from frl.errors import InputError
from frl.ranking import kept_edges

Boundaries: TypeAlias = tuple[int, ...]


def mask_boundaries(
    n: int,
    keep: float,
    mask_by: str = "score",
    sorted_scores: NDArray[np.float32] | None = None,
) -> Boundaries:
    """Ranks at which an edge of a layer enters or leaves the mask, ascending.

    A mask by score keeps the highest ranks: one boundary. A mask by absolute score keeps the edges
    of large negative and of large positive score: two.

    Parameters
    ----------
    n : int
        Edges of the layer.
    keep : float
        Share of edges in the mask.
    mask_by : {"score", "abs"}
    sorted_scores : float32 array of shape (n,), optional
        The scores that ranks stand for, ascending; a mask by ``abs`` depends on them.

    Raises
    ------
    InputError
        If the mask is by absolute score and the scores are not known.
    """
    kept = kept_edges(n, keep)
    if kept in (0, n):
        return ()
    if mask_by == "score":
        found: Boundaries = (n - kept,)
    elif sorted_scores is None:
        raise InputError("mask_by 'abs' needs the sorted scores of the layer")
    else:
        size = np.abs(sorted_scores)
        least = np.partition(size, n - kept)[n - kept]
        negative = min(kept, int(np.count_nonzero(sorted_scores[size >= least] < 0)))
        found = (negative, n - kept + negative)
    return tuple(boundary for boundary in found if 0 < boundary < n)
