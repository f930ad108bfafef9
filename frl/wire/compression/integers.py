"""Small signed integers, entropy-coded under a context each.

A value is split into a class (zero, or sign and bit length) and the bits below its leading one. The
class is coded with asymmetric numeral systems under the frequency table of its context; the bits
below the leading one are close to uniform and are packed as they are. Tables are sent with the
values. Both sides must derive the same contexts from what they share.

Layout: classes ``u8`` | table bytes ``u32`` | words ``u32`` | tables (zlib) | ANS words
(little-endian ``u32``) | for each bit length ascending, the packed low bits.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from frl.wire.compression.bitpack import pack, packed_size, unpack
from frl.wire.compression.byte_counts import byte_counts
from frl.wire.compression.entropy import decode_runs, encode_runs
from frl.wire.compression.grouping import grouped, scattered
from frl.wire.compression.tables import coded_bits, quantise, read_tables
from frl.wire.errors import WireError
from frl.wire.reader import Reader

_HEAD = struct.Struct("<BII")
MAX_BITS = 24
"""Bit length of the largest magnitude that can be coded."""


def encode_integers(values: NDArray[np.int32], contexts: NDArray[np.uint8] | None = None) -> bytes:
    """Encode integers of magnitude below ``2**MAX_BITS``.

    Parameters
    ----------
    values : int32 array of shape (n,)
    contexts : uint8 array of shape (n,), or None for a single context
    """
    if not values.size:
        return b""
    largest = max(int(values.max()), -int(values.min()))
    classes = _classes(largest).take(values + largest)
    alphabet = max(2, int(classes.max()) + 1)
    counts = _histogram(classes, contexts, alphabet)
    tables = quantise(counts)
    runs = [classes] if contexts is None else grouped(classes, contexts)
    words = encode_runs(runs, tables)
    packed_tables = zlib.compress(tables.tobytes(), 9)
    parts = [_HEAD.pack(alphabet, len(packed_tables), len(words) // 4), packed_tables, words]
    places, lengths = _by_length(classes, alphabet)
    magnitudes = np.split(np.abs(values[places]), np.cumsum(lengths)[:-1])
    for bits, chosen in enumerate(magnitudes, start=2):
        parts.append(pack(chosen & ((1 << (bits - 1)) - 1), bits - 1))
    return b"".join(parts)


def integers_size(values: NDArray[np.int32], contexts: NDArray[np.uint8]) -> float:
    """Return about how many bytes :func:`encode_integers` makes, in a fraction of its time."""
    if not values.size:
        return 0.0
    largest = max(int(values.max()), -int(values.min()))
    classes = _classes(largest).take(values + largest)
    alphabet = max(2, int(classes.max()) + 1)
    counts = _histogram(classes, contexts, alphabet)
    tables = quantise(counts)
    bits = coded_bits(counts, tables) + float(counts.sum(axis=0) @ _LOW_BITS[:alphabet])
    return _HEAD.size + len(zlib.compress(tables.tobytes(), 9)) + bits / 8


def decode_integers(
    reader: Reader, n: int, contexts: NDArray[np.uint8] | None = None
) -> NDArray[np.int32]:
    """Decode ``n`` integers, in time and memory bounded by ``n`` and the number of contexts.

    Raises
    ------
    WireError
        ``"truncated"`` or ``"corrupt"``.
    """
    if not n:
        return np.zeros(0, dtype=np.int32)
    alphabet, table_bytes, word_count = reader.structure(_HEAD)
    if not 2 <= alphabet <= 2 * MAX_BITS + 1:
        raise WireError("corrupt", f"alphabet of {alphabet} classes")
    counts = np.array([n]) if contexts is None else byte_counts(contexts)
    counts = counts[counts > 0]
    tables = read_tables(reader.take(table_bytes), counts.size, alphabet)
    symbols = decode_runs(reader.take(4 * word_count), counts.tolist(), tables)
    classes = symbols if contexts is None else scattered(symbols, contexts)
    values = _SMALLEST.take(classes)
    places, lengths = _by_length(classes, alphabet)
    if places.size:
        low = [
            unpack(reader.take(packed_size(count, bits - 1)), count, bits - 1).astype(np.int32)
            for bits, count in enumerate(lengths.tolist(), start=2)
        ]
        magnitudes = np.concatenate(low)
        values[places] += np.where(classes[places] & 1, magnitudes, -magnitudes)
    return values


def _classes(largest: int) -> NDArray[np.uint8]:
    """Class of each of ``-largest .. largest``: 0, or ``2 * bit_length - (value > 0)``."""
    if largest.bit_length() > MAX_BITS:
        raise ValueError(f"magnitude {largest} does not fit {MAX_BITS} bits")
    lengths = np.frexp(np.arange(largest + 1, dtype=np.float64))[1]
    positive = np.maximum(2 * lengths - 1, 0).astype(np.uint8)
    return np.concatenate([positive[:0:-1] + np.uint8(1), positive])


def _smallest() -> NDArray[np.int32]:
    magnitudes = [1 << bits for bits in range(MAX_BITS)]
    return np.array([0] + [v for m in magnitudes for v in (m, -m)], dtype=np.int32)


_SMALLEST = _smallest()
_LOW_BITS = np.maximum((np.arange(2 * MAX_BITS + 1) + 1) // 2 - 1, 0)
"""Bits below the leading one of each class."""


def _histogram(
    classes: NDArray[np.uint8], contexts: NDArray[np.uint8] | None, alphabet: int
) -> NDArray[np.int64]:
    """Count classes by context, shape (contexts that occur, alphabet)."""
    joint = classes.astype(np.uint16)
    if contexts is not None:
        joint += contexts * np.uint16(alphabet)
    cells = -(-(int(joint.max()) + 1) // alphabet) * alphabet
    counts = np.bincount(joint, minlength=cells).reshape(-1, alphabet)
    return counts[counts.any(axis=1)]


def _by_length(
    classes: NDArray[np.uint8], alphabet: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where values of 2 bits and more are, by bit length, and how many have each."""
    places = np.flatnonzero(classes > 2)
    lengths = (classes[places] + np.uint8(1)) >> np.uint8(1)
    counts = np.bincount(lengths, minlength=(alphabet + 1) // 2 + 1)[2:]
    return places[np.argsort(lengths, kind="stable")], counts
