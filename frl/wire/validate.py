"""Checks that a decoded layer is a vote like any other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from frl.ranking import Positions, permutation_fault
from frl.wire.compression.byte_counts import byte_counts
from frl.wire.errors import WireError


def require_permutation(positions: Positions, n: int) -> Positions:
    """Return the positions.

    Raises
    ------
    WireError
        If they are not a permutation of ``0 .. n-1``.
    """
    fault = permutation_fault(positions, n)
    if fault is not None:
        raise WireError(fault, f"positions are not a permutation of 0 .. {n - 1}")
    return positions


def require_counts(buckets: NDArray[np.uint8], expected: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the buckets.

    Raises
    ------
    WireError
        If any bucket does not hold exactly as many edges as in a ballot made from a ranking.
    """
    counts = byte_counts(buckets)
    if counts[expected.size :].any() or (counts[: expected.size] != expected).any():
        raise WireError("wrong-counts", f"buckets hold {counts.tolist()[:8]}... edges")
    return buckets
