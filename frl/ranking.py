"""Rankings of edges: what a client sends and what the server keeps.

A ranking gives, for each layer, the *position* of every edge: ``positions[e]`` is the rank of edge
``e`` (C order of the weight tensor), 0 the least important and ``n - 1`` the most. Positions rather
than the sort order, so that a vote is an addition (Mozaffari et al., USENIX Security 2023).
"""

from __future__ import annotations

import sys
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Positions: TypeAlias = NDArray[np.int32]
Ranking: TypeAlias = dict[str, Positions]

DIVERGED = "scores are not finite: local training diverged; lower train.lr"
"""The error of a client whose scores are not finite, and so have no ranking."""
_BLOCK = 65_536
_LOW = 0 if sys.byteorder == "little" else 1
_INFINITY = 0x7F800000
"""Infinity as a sortable integer; NaN lies beyond it, and both signs are symmetric but for one."""


def kept_edges(n: int, keep: float) -> int:
    """Count the edges of a layer of ``n`` that a mask keeps: ``n - int((1 - keep) * n)``."""
    return n - int((1.0 - keep) * n)


def sortable(values: NDArray[np.float32]) -> NDArray[np.int32]:
    """Map floats to integers of the same order; ``-0.0`` and ``0.0`` map to the same one."""
    bits = (values + np.float32(0.0)).view(np.int32)
    magnitude = bits >> 31
    magnitude &= np.int32(0x7FFFFFFF)
    bits ^= magnitude
    return bits


def sorted_keys(
    high: NDArray[np.int32] | NDArray[np.int64], low: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Pack ``high`` and ``low`` into one 64-bit key each, and sort the keys.

    Where ``low`` has no repeated value all keys differ, so the result does not depend on the
    sorting algorithm or the machine.

    Parameters
    ----------
    high : integer array of shape (n,)
        Must fit 32 bits signed.
    low : int32 array of shape (n,)
        Tie-breaker, not negative.
    """
    halves = np.empty((high.size, 2), dtype=np.int32)
    halves[:, _LOW] = low
    halves[:, 1 - _LOW] = high
    keys = halves.view(np.int64).reshape(-1)
    keys.sort()
    return keys


def packed_order(
    high: NDArray[np.int32] | NDArray[np.int64], low: NDArray[np.int32]
) -> NDArray[np.intp]:
    """Sort by ``high``, then by ``low``, and return ``low`` in that order."""
    keys = sorted_keys(high, low)
    keys &= 0x7FFFFFFF
    return keys


def invert(permutation: NDArray[np.integer[Any]]) -> Positions:
    """Return the inverse permutation in O(n): positions of an order, or the order of positions."""
    inverse = np.empty(permutation.size, dtype=np.int32)
    inverse[permutation] = np.arange(permutation.size, dtype=np.int32)
    return inverse


def rank(scores: NDArray[np.float32]) -> Positions:
    """Rank the edges of one layer by score; of equal scores the higher edge id ranks higher.

    Parameters
    ----------
    scores : float32 array of any shape, n values

    Returns
    -------
    int32 array of shape (n,)

    Raises
    ------
    ValueError
        If a score is not finite: such a client has diverged and has no ranking.
    """
    flat = np.ascontiguousarray(scores, dtype=np.float32).reshape(-1)
    keys = sorted_keys(sortable(flat), np.arange(flat.size, dtype=np.int32))
    if flat.size and not -_INFINITY <= keys[0] >> 32 <= keys[-1] >> 32 < _INFINITY:
        raise ValueError(DIVERGED)
    keys &= 0x7FFFFFFF
    return invert(keys)


def unrank(positions: Positions, sorted_scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give each edge the score that belongs to its rank: ``sorted_scores[positions]``."""
    return sorted_scores[positions]


def top_mask(positions: Positions, keep: float) -> NDArray[np.bool_]:
    """Mark the edges of the highest ranks: exactly ``kept_edges(n, keep)`` of them."""
    return positions >= positions.size - kept_edges(positions.size, keep)


def permutation_fault(positions: NDArray[np.int32], n: int) -> str | None:
    """Say why an array is not a permutation of ``0 .. n-1``, or ``None`` if it is one; O(n).

    Parameters
    ----------
    positions : int32 array
        Whatever a client sent.
    n : int
        Edges of the layer.
    """
    if positions.shape != (n,):
        return "wrong-shape"
    if n and int(positions.view(np.uint32).max()) >= n:
        return "out-of-range"
    seen = np.zeros(n, dtype=np.bool_)
    # NumPy widens an index array before it uses it: in blocks, the wide copy stays in the cache.
    for start in range(0, n, _BLOCK):
        seen[positions[start : start + _BLOCK]] = True
    return None if seen.all() else "not-a-permutation"
