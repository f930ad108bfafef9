"""Places of base ranks relative to bucket boundaries: a context for entropy coding.

How likely an edge is to leave its bucket depends on how near its base rank is to a boundary.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PLACES = (1, 4, 16)
"""Numbers of places to choose from; a small layer cannot afford the tables of many."""

_FEW_BUCKETS = 64
_FARTHEST = 4


def place_table(edges: NDArray[np.int64], places: int) -> NDArray[np.uint8]:
    """Place of each base rank, below ``places``.

    Among few buckets a place is the side of the nearest inner boundary and the octave of the
    distance to it, up to ``n / 16``. Among many it is the half of the bucket and the eighth of all
    ranks, for then the drift of quiet edges, which differs by region, decides.

    Parameters
    ----------
    edges : int64 array of shape (buckets + 1,)
        From :func:`frl.wire.boundaries.boundaries`; at least two buckets.
    places : int
        One of ``PLACES``.

    Returns
    -------
    uint8 array of shape (n,)
    """
    if places == 1:
        return np.zeros(int(edges[-1]), dtype=np.uint8)
    if edges.size - 1 > _FEW_BUCKETS:
        return _by_region(edges, places // 2)
    return _by_distance(edges, places // 2)


def _by_distance(edges: NDArray[np.int64], octaves: int) -> NDArray[np.uint8]:
    n = int(edges[-1])
    reach = n >> np.arange(_FARTHEST + octaves - 2, _FARTHEST - 1, -1)
    low, high = edges[:-1, None], edges[1:, None]
    middle = (low + high) // 2
    middle[0], middle[-1] = low[0], high[-1]
    rising = np.minimum(low + reach, middle)
    falling = np.maximum(high - reach[::-1], middle)
    firsts = np.concatenate([low, rising, middle, falling, high], axis=1)
    near_low = np.arange(octaves)
    place = np.concatenate([near_low, 2 * octaves - 1 - near_low[::-1]]).astype(np.uint8)
    return np.repeat(np.tile(place, edges.size - 1), np.diff(firsts, axis=1).reshape(-1))


def _by_region(edges: NDArray[np.int64], regions: int) -> NDArray[np.uint8]:
    buckets = edges.size - 1
    middle = (edges[:-1] + edges[1:]) // 2
    region = np.arange(buckets) * regions // buckets
    place = np.stack([2 * region, 2 * region + 1], axis=1).astype(np.uint8)
    lengths = np.stack([middle - edges[:-1], edges[1:] - middle], axis=1)
    return np.repeat(place.reshape(-1), lengths.reshape(-1))
