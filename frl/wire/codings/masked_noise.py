"""``masked-noise``: a mask of noise that both sides can draw, at most one bit an edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.wire.coding import Coding, require_base
from frl.wire.codings import register
from frl.wire.compression.bitpack import pack, packed_size, unpack
from frl.wire.compression.contexts import decode_symbols, encode_symbols, equal_parts
from frl.wire.errors import WireError
from frl.wire.reader import Reader

_PACKED = 0
_PARTS = 16


@register("masked-noise")
@dataclass(frozen=True)
class MaskedNoise(Coding):
    """Values that are each 0 or the base value (FedMRN, Li et al., 2024).

    A small part of noise is sent more often than a large one, so bits are entropy-coded given in
    which of 16 equal parts its size lies.

    Layout: parts ``u8``, 0 for packed bits | the bits, or coded symbols.
    """

    code: ClassVar[int] = 13
    takes: ClassVar[type[np.generic]] = np.float32
    gives: ClassVar[str] = "float32, each 0 or the base value"
    needs_base: ClassVar[bool] = True

    def limit(self, n: int) -> int:
        """Return the packed size and the byte that says so."""
        return 1 + packed_size(n, 1)

    def encode_layer(
        self, values: NDArray[Any], base: NDArray[Any] | None, rows: int | None
    ) -> bytes:
        """Encode the mask of one layer."""
        held = require_base("masked-noise", base)
        bits = (values != 0).astype(np.uint8)
        if not np.array_equal(values, held * bits):
            raise WireError("out-of-range", "a value is neither 0 nor the noise")
        packed = bytes([_PACKED]) + pack(bits, 1)
        if not bits.size:
            return packed
        coded = bytes([_PARTS]) + encode_symbols(bits, _size_classes(held), 2)
        return min(packed, coded, key=len)

    def decode_layer(
        self, payload: memoryview, n: int, base: NDArray[Any] | None
    ) -> NDArray[np.float32]:
        """Decode the mask of one layer and put the noise in its place."""
        held = require_base("masked-noise", base)
        reader = Reader(payload)
        (parts,) = reader.take(1)
        if parts == _PACKED:
            bits = unpack(reader.take(packed_size(n, 1)), n, 1).astype(np.uint8)
        elif parts == _PARTS and n:
            bits = decode_symbols(reader, _size_classes(held), 2)
        else:
            raise WireError("corrupt", f"{parts} parts of the noise's size")
        reader.finish()
        return np.where(bits, held, np.float32(0)).astype(np.float32)


def _size_classes(noise: NDArray[Any]) -> NDArray[np.uint8]:
    sizes = np.abs(noise)
    return equal_parts(sizes / max(float(sizes.max()), 1e-30), _PARTS)
