"""``palette``: real numbers of few different values, given those that both sides hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.wire.coding import Coding, require_base
from frl.wire.codings import register
from frl.wire.compression.contexts import FEW, decode_symbols, encode_symbols, equal_parts
from frl.wire.errors import WireError
from frl.wire.reader import Reader

_FLOAT = np.dtype("<f4")
_RAW = 0
_CONTEXTS = (1, 8, 32)
_MOST = 256
_BLOCK = 1 << 16
_FACTORS = np.array([0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F], dtype=np.uint32)


@register("palette")
@dataclass(frozen=True)
class Palette(Coding):
    """Probabilities that are shares of a few votes: which of the values that occur each one is.

    Values are exact. Contexts are equal parts of [0, 1] that the base value lies in, as many as
    makes the layer smallest. More than 256 different values travel as float32.

    Layout: contexts ``u8``, 0 for float32 | values, less one, ``u8`` | ascending float32 | symbols.
    """

    code: ClassVar[int] = 11
    takes: ClassVar[type[np.generic]] = np.float32
    gives: ClassVar[str] = "float32"
    needs_base: ClassVar[bool] = True

    def limit(self, n: int) -> int:
        """Return the size of all values as they are and the byte that says so."""
        return 1 + 4 * n

    def encode_layer(
        self, values: NDArray[Any], base: NDArray[Any] | None, rows: int | None
    ) -> bytes:
        """Encode the values of one layer."""
        held = require_base("palette", base)
        raw = bytes([_RAW]) + values.astype(_FLOAT).tobytes()
        different = _different(values)
        if not 1 <= different.size <= _MOST or not np.isfinite(different).all():
            return raw
        symbols = _which(different, values)
        alphabet = max(2, different.size)
        head = bytes([different.size - 1]) + different.astype(_FLOAT).tobytes()
        coded = [
            bytes([count]) + head + encode_symbols(symbols, equal_parts(held, count), alphabet)
            for count in (_CONTEXTS if values.size < FEW else _CONTEXTS[-1:])
        ]
        return min([*coded, raw], key=len)

    def decode_layer(
        self, payload: memoryview, n: int, base: NDArray[Any] | None
    ) -> NDArray[np.float32]:
        """Decode the values of one layer."""
        reader = Reader(payload)
        (count,) = reader.take(1)
        if count == _RAW:
            values = np.frombuffer(reader.take(4 * n), dtype=_FLOAT).astype(np.float32)
        elif count in _CONTEXTS and n:
            different = np.frombuffer(reader.take(4 * (reader.take(1)[0] + 1)), dtype=_FLOAT)
            if not (different[1:] > different[:-1]).all():
                raise WireError("corrupt", "the values do not ascend")
            contexts = equal_parts(require_base("palette", base), count)
            symbols = decode_symbols(reader, contexts, max(2, different.size))
            if int(symbols.max()) >= different.size:
                raise WireError("corrupt", "a value that there is not")
            values = different.astype(np.float32).take(symbols)
        else:
            raise WireError("corrupt", f"{count} contexts")
        reader.finish()
        return values


def _different(values: NDArray[Any]) -> NDArray[Any]:
    """Return the values that occur, ascending; of too many only more than can be coded."""
    found = values[:0]
    for start in range(0, values.size, _BLOCK):
        found = np.union1d(found, values[start : start + _BLOCK])
        if found.size > _MOST:
            break
    return found


def _which(different: NDArray[Any], values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return which of few ascending values each one is.

    Looked up by 16 bits that a product spreads the values over; where no product of those tried
    tells all apart, or zero has both signs, by search.
    """
    bits = (values + np.float32(0)).view(np.uint32)
    own = (different + np.float32(0)).view(np.uint32)
    for factor in _FACTORS:
        places = (own * factor) >> np.uint32(16)
        if np.unique(places).size == own.size:
            table = np.zeros(1 << 16, dtype=np.uint8)
            table[places] = np.arange(own.size)
            found: NDArray[np.uint8] = table.take((bits * factor) >> np.uint32(16))
            return found
    return np.searchsorted(different, values).astype(np.uint8)
