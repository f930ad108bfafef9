"""Runs of symbols under one frequency table each, as words of asymmetric numeral systems.

Within a run several symbols are coded as one of the product alphabet: the same bits in fewer
steps. How many follows from the table alone, so nothing more is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from frl.wire.compression.tables import WEIGHTS
from frl.wire.errors import WireError

_WORD = np.dtype("<u4")
_LARGEST_ALPHABET = 256
_LONGEST_TUPLE = 8


def encode_runs(runs: Sequence[NDArray[np.uint8]], tables: NDArray[np.uint8]) -> bytes:
    """Encode runs of symbols.

    Parameters
    ----------
    runs : sequence of uint8 arrays
    tables : uint8 array of shape (runs, alphabet)
        Frequencies as bytes of :data:`frl.wire.compression.tables.WEIGHTS`; not 0 for any symbol
        that occurs.
    """
    coder = constriction.stream.stack.AnsCoder()
    for run, table in zip(runs[::-1], tables[::-1], strict=True):
        used = _used(table)
        size = _tuple_size(used, run.size)
        whole = run.size - run.size % size
        if whole < run.size:
            coder.encode_reverse(run[whole:].astype(np.int32), _model(WEIGHTS[table]))
        if whole:
            tuples = _numbers(run[:whole].reshape(-1, size), used)
            coder.encode_reverse(tuples, _model(_tuple_weights(WEIGHTS[table[:used]], size)))
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
        used = _used(table)
        size = _tuple_size(used, count)
        whole = count - count % size
        if whole:
            model = _model(_tuple_weights(WEIGHTS[table[:used]], size))
            tuples = coder.decode(model, whole // size)
            run[:whole].reshape(-1, size)[:] = _symbols(used, size).take(tuples, axis=0)
        if whole < count:
            run[whole:] = coder.decode(_model(WEIGHTS[table]), count - whole)
        start += count
    if not coder.is_empty():
        raise WireError("corrupt", "entropy-coded words left over")
    return symbols


def _used(table: NDArray[np.uint8]) -> int:
    """Symbols up to the last that occurs, at least 2."""
    return max(2, int(np.flatnonzero(table)[-1]) + 1)


def _tuple_size(used: int, count: int) -> int:
    """How many symbols of a run of ``count`` are coded as one."""
    size = 1
    while (
        size < _LONGEST_TUPLE
        and used ** (size + 1) <= _LARGEST_ALPHABET
        and 64 * used**size < count
    ):
        size += 1
    return size


def _tuple_weights(weights: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Frequencies of tuples, by their numbers: products of those of their symbols."""
    if size == 1:
        return weights
    scaled: NDArray[np.float64] = weights / 2.0 ** np.frexp(weights.max())[1]
    products = scaled
    for _ in range(size - 1):
        products = np.multiply.outer(products, scaled).ravel()
    return products


def _numbers(tuples: NDArray[np.uint8], radix: int) -> NDArray[np.int32]:
    """Read the symbols of each tuple as the digits of a number, the first one the highest."""
    numbers = np.zeros(len(tuples), dtype=np.int32)
    for digit in tuples.T:
        numbers = numbers * np.int32(radix) + digit
    return numbers


@cache
def _symbols(radix: int, size: int) -> NDArray[np.uint8]:
    """Symbols of each tuple by its number, shape (radix**size, size)."""
    numbers = np.arange(radix**size)
    digits = [numbers // radix**place % radix for place in range(size - 1, -1, -1)]
    return np.stack(digits, axis=1).astype(np.uint8)


def _model(weights: NDArray[np.float64]) -> Any:
    return constriction.stream.model.Categorical(weights, perfect=False)
