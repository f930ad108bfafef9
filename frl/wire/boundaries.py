"""Buckets of ranks: where each begins, the bucket of each rank, and what a bucket weighs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from frl.errors import InputError

MAX_BITS = 8


def boundaries(n: int, bits: int, *, focus: float = 1.0, centre: float = 0.5) -> NDArray[np.int64]:
    """First rank of each bucket, and ``n`` at the end.

    Bucket ``i`` holds the ranks from ``boundaries[i]`` to ``boundaries[i + 1] - 1``. With
    ``focus = 1`` buckets are equal, ``bucket = floor(rank * 2**bits / n)``. With ``focus > 1`` they
    are finer about ``centre * n``, where the mask is decided, and coarser far from it: a boundary
    at the share ``t`` of the way from the centre to either end lies at ``t**focus`` of that way.

    Parameters
    ----------
    n : int
        Edges of the layer.
    bits : int
        1 to 8.
    focus : float
        At least 1.
    centre : float
        Share of ranks below the mask's edge, ``1 - keep``; strictly between 0 and 1 with a focus.

    Returns
    -------
    int64 array of shape (2**bits + 1,), ascending

    Raises
    ------
    InputError
        If a parameter is out of range.
    """
    if not 1 <= bits <= MAX_BITS:
        raise InputError(f"bits of a ballot: got {bits}; takes 1 to {MAX_BITS}")
    if not 1.0 <= focus <= 16.0:
        raise InputError(f"focus of a ballot: got {focus}; takes 1 to 16")
    buckets = 1 << bits
    if focus == 1.0:
        return -((-np.arange(buckets + 1, dtype=np.int64) * n) // buckets)
    if not 0.0 < centre < 1.0:
        raise InputError(
            f"centre of a focused ballot: got {centre}; takes more than 0, less than 1"
        )
    share = np.arange(buckets + 1) / buckets
    below = share <= centre
    way = np.where(below, (centre - share) / centre, (share - centre) / (1.0 - centre))
    bent = np.array([float(w) ** focus for w in way])
    edges = np.where(below, centre - centre * bent, centre + (1.0 - centre) * bent)
    edges = np.round(edges, 12)
    first = np.clip(np.ceil(edges * n), 0, n).astype(np.int64)
    first[0], first[-1] = 0, n
    return np.maximum.accumulate(first)


def bucket_table(edges: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Bucket of each rank, shape (n,), from :func:`boundaries`."""
    return np.repeat(np.arange(edges.size - 1, dtype=np.uint8), np.diff(edges))


def midranks(edges: NDArray[np.int64]) -> NDArray[np.int32]:
    """Twice the mean rank of each bucket: what buckets of unequal width weigh in a vote.

    Parameters
    ----------
    edges : int64 array of shape (2**bits + 1,)
        From :func:`boundaries`.
    """
    return (edges[:-1] + np.maximum(edges[1:] - 1, edges[:-1])).astype(np.int32)
