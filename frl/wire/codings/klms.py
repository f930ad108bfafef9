"""``klms``: blocks of edges, and which of the shared samples of a mask each block is."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.errors import InputError
from frl.wire.coding import Coding
from frl.wire.codings import register
from frl.wire.compression.bitpack import pack, packed_size, unpack
from frl.wire.compression.contexts import decode_symbols, encode_symbols
from frl.wire.errors import WireError
from frl.wire.reader import Reader

MOST_BITS = 10
"""Largest number of bits of an index."""
_OCTAVES = 12
LENGTHS = np.array([1, 2, 3, *(m << e for e in range(_OCTAVES) for m in range(4, 8))])
"""Edges that a block may have, but for the last: four lengths an octave, up to 14,336."""
_WIDTH = 6
_PACKED, _CODED = 0, 1
_HEAD = struct.Struct("<BI")


def choice_fault(choices: NDArray[np.uint16], bits: int) -> str | None:
    """Say why an array is no choice of samples, ``None`` if it is one.

    Parameters
    ----------
    choices : uint16 array of shape (n,)
        As :class:`Klms` takes them.
    bits : int
        Of an index.
    """
    if not choices.size:
        return None
    starts = np.flatnonzero(choices)
    if int(choices.max()) > 1 << bits or not starts.size or starts[0]:
        return "out-of-range"
    lengths = np.diff(starts)
    fits = np.isin(lengths, LENGTHS).all() and choices.size - starts[-1] <= LENGTHS[-1]
    return None if fits else "wrong-counts"


@register("klms")
@dataclass(frozen=True)
class Klms(Coding):
    """Choices of samples (Isik et al., AISTATS 2024): 1 + index where a block begins, else 0.

    A block has one of 51 lengths; the last one ends with the layer.

    Layout: 1 for coded lengths, 0 for packed ones ``u8`` | blocks ``u32`` | lengths by their number
    | indices, packed.

    Parameters
    ----------
    bits : int
        Of an index, 1 to 10: both sides draw 2^bits samples of a block.
    """

    bits: int = 8

    code: ClassVar[int] = 14
    takes: ClassVar[type[np.generic]] = np.uint16
    gives: ClassVar[str] = "uint16, at the first edge of a block 1 + index of its sample, else 0"
    needs_base: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= MOST_BITS:
            raise InputError(f"bits of an index: got {self.bits!r}; takes 1 to {MOST_BITS}")

    @property
    def parameter(self) -> int:
        """Bits of an index."""
        return self.bits

    def limit(self, n: int) -> int:
        """Return the size of blocks of one edge each, packed."""
        return _HEAD.size + packed_size(n, _WIDTH) + packed_size(n, self.bits)

    def encode_layer(
        self, values: NDArray[Any], base: NDArray[Any] | None, rows: int | None
    ) -> bytes:
        """Encode the blocks of one layer."""
        fault = choice_fault(values, self.bits)
        if fault is not None:
            raise WireError(fault, f"no blocks of samples that {self.bits} bits tell apart")
        starts = np.flatnonzero(values)
        if not starts.size:
            return _HEAD.pack(_PACKED, 0)
        lengths = np.diff(starts, append=values.size)
        numbers = np.searchsorted(LENGTHS, lengths).astype(np.uint8)
        packed = pack(numbers, _WIDTH)
        coded = encode_symbols(numbers, np.zeros_like(numbers), LENGTHS.size)
        shorter = (_CODED, coded) if len(coded) < len(packed) else (_PACKED, packed)
        indices = pack(values[starts] - np.uint16(1), self.bits)
        return b"".join([_HEAD.pack(shorter[0], starts.size), shorter[1], indices])

    def decode_layer(
        self, payload: memoryview, n: int, base: NDArray[Any] | None
    ) -> NDArray[np.uint16]:
        """Decode the blocks of one layer."""
        reader = Reader(payload)
        how, blocks = reader.structure(_HEAD)
        if how not in (_PACKED, _CODED) or blocks > n or (n and not blocks):
            raise WireError("corrupt", f"{blocks} blocks of kind {how} in a layer of {n} edges")
        choices = np.zeros(n, dtype=np.uint16)
        if how == _CODED and blocks:
            contexts = np.zeros(blocks, dtype=np.uint8)
            numbers = decode_symbols(reader, contexts, LENGTHS.size)
        else:
            packed = reader.take(packed_size(blocks, _WIDTH))
            numbers = unpack(packed, blocks, _WIDTH).astype(np.uint8)
        indices = unpack(reader.take(packed_size(blocks, self.bits)), blocks, self.bits)
        reader.finish()
        if blocks:
            choices[_starts(numbers, n)] = indices.astype(np.uint16) + np.uint16(1)
        return choices


def _starts(numbers: NDArray[Any], n: int) -> NDArray[np.int64]:
    """First edges of blocks whose lengths have these numbers."""
    if int(numbers.max()) >= LENGTHS.size:
        raise WireError("corrupt", f"a length's number is not below {LENGTHS.size}")
    ends = np.cumsum(LENGTHS.take(numbers.astype(np.intp)))
    before = int(ends[-2]) if ends.size > 1 else 0
    last = np.searchsorted(LENGTHS, n - before)
    if before >= n or last != numbers[-1]:
        raise WireError("wrong-counts", f"blocks of {ends[-1]} edges in a layer of {n}")
    return np.concatenate([[0], ends[:-1]])
