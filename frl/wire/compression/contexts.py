"""Symbols of a small alphabet, entropy-coded under a frequency table for each context.

Layout: table bytes ``u32`` | words ``u32`` | tables (zlib) | ANS words (little-endian ``u32``).
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frl.wire.compression.byte_counts import byte_counts
from frl.wire.compression.entropy import decode_runs, encode_runs
from frl.wire.compression.grouping import grouped, scattered
from frl.wire.compression.tables import quantise, read_tables
from frl.wire.errors import WireError
from frl.wire.reader import Reader

_HEAD = struct.Struct("<II")
FEW = 1 << 15
"""Edges of a layer from which only the finest contexts are tried."""


def equal_parts(base: NDArray[Any], count: int) -> NDArray[np.uint8]:
    """Return in which of ``count`` equal parts of [0, 1] each base value lies, as a context."""
    return np.clip(base * np.float32(count), 0, count - 1).astype(np.uint8)


def encode_symbols(symbols: NDArray[np.uint8], contexts: NDArray[np.uint8], alphabet: int) -> bytes:
    """Encode symbols.

    Parameters
    ----------
    symbols : uint8 array of shape (n,)
        Each below ``alphabet``, at least one.
    contexts : uint8 array of shape (n,)
        What both sides know of each.
    alphabet : int
        2 to 256.
    """
    joint = contexts.astype(np.uint16) * np.uint16(alphabet)
    joint += symbols
    counts = np.bincount(joint, minlength=256 * alphabet).reshape(256, alphabet)
    counts = counts[counts.any(axis=1)]
    tables = quantise(counts)
    words = encode_runs(grouped(symbols, contexts), tables)
    packed = zlib.compress(tables.tobytes(), 9)
    return b"".join([_HEAD.pack(len(packed), len(words) // 4), packed, words])


def decode_symbols(reader: Reader, contexts: NDArray[np.uint8], alphabet: int) -> NDArray[np.uint8]:
    """Decode one symbol for each context, in time and memory bounded by their number.

    Raises
    ------
    WireError
        ``"truncated"`` or ``"corrupt"``.
    """
    table_bytes, word_count = reader.structure(_HEAD)
    counts = byte_counts(contexts)
    counts = counts[counts > 0]
    tables = read_tables(reader.take(table_bytes), counts.size, alphabet)
    ordered = decode_runs(reader.take(4 * word_count), counts.tolist(), tables)
    if int(ordered.max()) >= alphabet:
        raise WireError("corrupt", f"a symbol is not below {alphabet}")
    return scattered(ordered, contexts)
