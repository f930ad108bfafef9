"""Frequency tables in one byte an entry.

An entry is a count rounded to four significant bits: 3 bits of mantissa and 5 of exponent. Every
such number is exact in a float, so sender and receiver build the very same entropy model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def _values() -> NDArray[np.float64]:
    exponent, mantissa = np.divmod(np.arange(256), 8)
    return np.where(exponent == 0, mantissa, np.ldexp(8.0 + mantissa, exponent - 1))


WEIGHTS = _values()
"""float64 array of shape (256,): the count that each byte stands for, strictly ascending."""


def quantise(counts: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Round counts to bytes; a count above 0 never becomes 0.

    Parameters
    ----------
    counts : integer array of any shape
        Each in ``0 .. 2**32``.
    """
    middles = (WEIGHTS[1:] + WEIGHTS[:-1]) / 2
    return np.searchsorted(middles, counts, side="right").astype(np.uint8)
