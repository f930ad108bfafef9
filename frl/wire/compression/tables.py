"""Frequency tables in one byte an entry.

An entry is a count rounded to four significant bits: 3 bits of mantissa and 5 of exponent. Every
such number is exact in a float, so sender and receiver build the very same entropy model.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from frl.wire.errors import WireError


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


def coded_bits(counts: NDArray[np.int64], tables: NDArray[np.uint8]) -> float:
    """Return the bits of symbols so often, each row coded under its own table."""
    weights = WEIGHTS[tables]
    shares = weights / weights.sum(axis=1, keepdims=True)
    return float(-(counts * np.log2(np.where(counts > 0, shares, 1.0))).sum())


def read_tables(packed: memoryview, rows: int, alphabet: int) -> NDArray[np.uint8]:
    """Read compressed tables that may be anything, in memory bounded by their number.

    Raises
    ------
    WireError
        If they are not that many, or one is all zero.
    """
    size = rows * alphabet
    inflate = zlib.decompressobj()
    try:
        raw = inflate.decompress(packed, size + 1)
    except zlib.error as error:
        raise WireError("corrupt", f"frequency tables: {error}") from None
    if len(raw) != size or not inflate.eof or inflate.unused_data:
        raise WireError("corrupt", f"frequency tables are not {size} bytes")
    tables = np.frombuffer(raw, dtype=np.uint8).reshape(rows, alphabet)
    if not tables.any(axis=1).all():
        raise WireError("corrupt", "a frequency table is all zero")
    return tables
