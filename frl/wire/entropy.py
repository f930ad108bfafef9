"""Runs of symbols under one frequency table each, as words of asymmetric numeral systems.

Within a run several symbols are coded as one of the product alphabet: the same bits in fewer
steps. How many follows from the table alone, so nothing more is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, reduce
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from frl.wire.errors import WireError
from frl.wire.tables import WEIGHTS

_WORD = np.dtype("<u4")
_PRODUCT = 256
_TUPLE = 8


def encode_runs(runs: Sequence[NDArray[np.uint8]], tables: NDArray[np.uint8]) -> bytes:
    """Encode runs of symbols.

    Parameters
    ----------
    runs : sequence of uint8 arrays
    tables : uint8 array of shape (runs, alphabet)
        Frequencies as bytes of :data:`frl.wire.tables.WEIGHTS`; not 0 for any symbol that occurs.
    """
    coder = constriction.stream.stack.AnsCoder()
    for run, table in zip(runs[::-1], tables[::-1], strict=True):
        weights, size = _joint(table, run.size)
        whole = run.size - run.size % size
        if whole < run.size:
            coder.encode_reverse(run[whole:].astype(np.int32), _model(WEIGHTS[table]))
        if whole:
            digits = run[:whole].reshape(-1, size).T.astype(np.int32)
            radix = np.int32(_used(table))
            coder.encode_reverse(
                reduce(lambda high, low: high * radix + low, digits), _model(weights)
            )
    words: NDArray[np.uint32] = coder.get_compressed()
    return words.astype(_WORD, copy=False).tobytes()


def decode_runs(
    payload: memoryview, counts: Sequence[int], tables: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Decode runs of ``counts`` symbols, one after another in the result.

    Raises
    ------
    WireError
        If words are left over or malformed.
    """
    words = np.frombuffer(payload, dtype=_WORD).astype(np.uint32)
    if words.size and not words[-1]:
        raise WireError("corrupt", "the last entropy-coded word is zero")
    coder = constriction.stream.stack.AnsCoder(words)
    symbols = np.empty(sum(counts), dtype=np.uint8)
    start = 0
    for count, table in zip(counts, tables, strict=True):
        run = symbols[start : start + count]
        weights, size = _joint(table, count)
        whole = count - count % size
        if whole:
            joint = coder.decode(_model(weights), whole // size)
            run[:whole].reshape(-1, size)[:] = _digits(_used(table), size).take(joint, axis=0)
        if whole < count:
            run[whole:] = coder.decode(_model(WEIGHTS[table]), count - whole)
        start += count
    if not coder.is_empty():
        raise WireError("corrupt", "entropy-coded words left over")
    return symbols


def _used(table: NDArray[np.uint8]) -> int:
    """Symbols up to the last that occurs, at least 2."""
    return max(2, int(np.flatnonzero(table)[-1]) + 1)


def _joint(table: NDArray[np.uint8], count: int) -> tuple[NDArray[np.float64], int]:
    """Frequencies of tuples of symbols, and how many symbols make a tuple."""
    used = _used(table)
    size = 1
    while size < _TUPLE and used ** (size + 1) <= _PRODUCT and 64 * used**size < count:
        size += 1
    single = WEIGHTS[table[:used]]
    if size == 1:
        return single, 1
    scaled = single / 2.0 ** np.frexp(single.max())[1]
    return reduce(
        lambda joint, _: np.multiply.outer(joint, scaled).ravel(), range(size - 1), scaled
    ), size


@cache
def _digits(radix: int, size: int) -> NDArray[np.uint8]:
    """Symbols of each tuple, shape (radix**size, size)."""
    grid = np.indices((radix,) * size, dtype=np.uint8)
    return np.ascontiguousarray(grid.reshape(size, -1).T)


def _model(weights: NDArray[np.float64]) -> Any:
    return constriction.stream.model.Categorical(weights, perfect=False)
