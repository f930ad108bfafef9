"""``bernoulli``: one bit an edge, entropy-coded given the probability that both sides hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.wire.coding import Coding, require_base
from frl.wire.codings import register
from frl.wire.compression.bitpack import pack, packed_size, unpack
from frl.wire.compression.contexts import FEW, decode_symbols, encode_symbols, equal_parts
from frl.wire.errors import WireError
from frl.wire.reader import Reader

_PACKED = 0
_FINENESS = (1, 2, 3)
_OCTAVES = 12


@register("bernoulli")
@dataclass(frozen=True)
class Bernoulli(Coding):
    """A sampled mask given probabilities: in each class of them, bits by their frequency.

    Classes are equal parts of [0, 1]: 4, 16 or 64, as makes the layer smallest.

    Layout: fineness ``u8``, 0 for packed bits | the bits, or coded symbols.

    Parameters
    ----------
    shared : bool
        Whether the base holds probabilities less the noise of the draw: its sign is then the bit
        of a client that moved nothing, and classes are by its magnitude, up to two an octave.
    """

    shared: bool = False

    code: ClassVar[int] = 10
    takes: ClassVar[type[np.generic]] = np.uint8
    gives: ClassVar[str] = "uint8, 0 or 1"
    needs_base: ClassVar[bool] = True

    @property
    def parameter(self) -> int:
        """Whether the noise is known."""
        return int(self.shared)

    def limit(self, n: int) -> int:
        """Return the packed size and the byte that says so."""
        return 1 + packed_size(n, 1)

    def encode_layer(
        self, values: NDArray[Any], base: NDArray[Any] | None, rows: int | None
    ) -> bytes:
        """Encode the bits of one layer."""
        if values.size and int(values.max()) > 1:
            raise WireError("out-of-range", "a bit is not 0 or 1")
        held, ways = require_base("bernoulli", base), [bytes([_PACKED]) + pack(values, 1)]
        tried = _FINENESS if values.size < FEW else _FINENESS[-1:]
        for fineness in tried if values.size else ():
            contexts, likely = self._expected(held, fineness)
            ways.append(bytes([fineness]) + encode_symbols(values ^ likely, contexts, 2))
        return min(ways, key=len)

    def decode_layer(
        self, payload: memoryview, n: int, base: NDArray[Any] | None
    ) -> NDArray[np.uint8]:
        """Decode the bits of one layer."""
        reader = Reader(payload)
        (fineness,) = reader.take(1)
        if fineness == _PACKED:
            bits = unpack(reader.take(packed_size(n, 1)), n, 1).astype(np.uint8)
        elif fineness in _FINENESS and n:
            contexts, likely = self._expected(require_base("bernoulli", base), fineness)
            bits = decode_symbols(reader, contexts, 2) ^ likely
        else:
            raise WireError("corrupt", f"bits of fineness {fineness}")
        reader.finish()
        return bits

    def _expected(
        self, base: NDArray[Any], fineness: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Class of each edge, and the bit that is likely."""
        if not self.shared:
            return equal_parts(base, 4**fineness), np.zeros(base.size, np.uint8)
        likely = (base > 0).astype(np.uint8)
        size = np.maximum(base * base, np.float32(4.0**-_OCTAVES))
        halves = np.frexp(size)[1].astype(np.int8) + np.int8(2 * _OCTAVES)
        classes = halves.view(np.uint8) >> np.uint8(_FINENESS[-1] - fineness)
        return (classes << np.uint8(1)) + likely, likely
