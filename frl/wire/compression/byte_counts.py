"""Counts of bytes, two at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MANY = 1 << 18


def byte_counts(values: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count how often each byte occurs, shape (256,).

    Parameters
    ----------
    values : uint8 array of shape (n,)
    """
    if values.size < _MANY:
        return np.bincount(values, minlength=256)
    even = values.size & ~1
    pairs = np.ascontiguousarray(values[:even]).view(np.uint16)
    table = np.bincount(pairs, minlength=1 << 16).reshape(256, 256)
    counts: NDArray[np.int64] = table.sum(axis=0) + table.sum(axis=1)
    counts[values[even:]] += 1
    return counts
