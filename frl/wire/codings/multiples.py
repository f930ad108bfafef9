"""``multiples``: whole multiples of a power of two, given those that both sides hold."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.wire.coding import Coding, require_base
from frl.wire.codings import register
from frl.wire.compression.activity import decode_activity, encode_activity, measure, uniform
from frl.wire.compression.contexts import FEW
from frl.wire.compression.integers import MAX_BITS, decode_integers, encode_integers
from frl.wire.errors import WireError
from frl.wire.reader import Reader

_FLOAT = np.dtype("<f4")
_HEAD = struct.Struct("<Bb")
_RAW, _CODED = 0, 1
_LEAST, _MOST = -100, 100
_NO_GRAIN = _MOST + 1
_BLOCK = 1 << 15


@register("multiples")
@dataclass(frozen=True)
class Multiples(Coding):
    """By how many steps of a power of two each value lies off the base value.

    Values are exact. Contexts are the activity of row and column
    (:mod:`frl.wire.compression.activity`). What is no such multiple travels as float32.

    Layout: 0 and float32 | 1, exponent of the step ``i8``, activity and integers.
    """

    code: ClassVar[int] = 12
    takes: ClassVar[type[np.generic]] = np.float32
    gives: ClassVar[str] = "float32"
    needs_base: ClassVar[bool] = True

    def limit(self, n: int) -> int:
        """Return the size of all values as they are and the bytes that say so."""
        return _HEAD.size + 4 * n

    def encode_layer(
        self, values: NDArray[Any], base: NDArray[Any] | None, rows: int | None
    ) -> bytes:
        """Encode the values of one layer."""
        held = require_base("multiples", base)
        raw = _HEAD.pack(_RAW, 0) + values.astype(_FLOAT).tobytes()
        exponent = _common_grain(values, held)
        if not values.size or exponent is None:
            return raw
        steps = (values.astype(np.float64) - held) * 2.0**-exponent
        if np.abs(steps).max() >= 1 << MAX_BITS:
            return raw
        whole = steps.astype(np.int32)
        if not np.array_equal(_moved(held, whole, exponent), values):
            return raw
        found = measure(np.minimum(np.abs(whole), 255).astype(np.uint8), rows)
        coded = [
            _HEAD.pack(_CODED, exponent)
            + encode_activity(activity)
            + encode_integers(whole, activity.classes(values.size))
            for activity in ((found, uniform(values.size)) if values.size < FEW else (found,))
        ]
        return min([*coded, raw], key=len)

    def decode_layer(
        self, payload: memoryview, n: int, base: NDArray[Any] | None
    ) -> NDArray[np.float32]:
        """Decode the values of one layer."""
        reader = Reader(payload)
        kind, exponent = reader.structure(_HEAD)
        if kind == _RAW and not exponent:
            values = np.frombuffer(reader.take(4 * n), dtype=_FLOAT).astype(np.float32)
        elif kind == _CODED and n and _LEAST <= exponent <= _MOST:
            activity = decode_activity(reader, n)
            steps = decode_integers(reader, n, activity.classes(n))
            values = _moved(require_base("multiples", base), steps, exponent)
        else:
            raise WireError("corrupt", f"values of kind {kind}, exponent {exponent}")
        reader.finish()
        return values


def _moved(base: NDArray[Any], steps: NDArray[np.int32], exponent: int) -> NDArray[np.float32]:
    moved = np.empty(base.size, dtype=np.float32)
    for start in range(0, base.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        moved[block] = base[block].astype(np.float64) + steps[block] * 2.0**exponent
    return moved


def _common_grain(*arrays: NDArray[Any]) -> int | None:
    """Return what :func:`_grain` does of all arrays, of most values by checking a first guess."""
    exponent = _NO_GRAIN
    for values in arrays:
        for start in range(0, values.size, _BLOCK):
            block = values[start : start + _BLOCK]
            if exponent != _NO_GRAIN:
                scaled = block.astype(np.float64) * 2.0**-exponent
                if np.array_equal(scaled, np.rint(scaled)) and np.isfinite(block).all():
                    continue
            found = _grain(block)
            if found is None:
                return None
            if block.any():
                exponent = found if exponent == _NO_GRAIN else min(exponent, found)
    return 0 if exponent == _NO_GRAIN else exponent


def _grain(values: NDArray[Any]) -> int | None:
    """Exponent of the largest power of two that all values are multiples of, if there is one."""
    if not np.isfinite(values).all():
        return None
    if not values.any():
        return 0
    mantissas, exponents = np.frexp(values)
    whole = (mantissas * np.float32(1 << 24)).astype(np.int32)
    whole &= -whole
    zeros = np.frexp(whole.astype(np.float32))[1] - 1
    exponent = int((exponents - 24 + zeros)[values != 0].min())
    return exponent if _LEAST <= exponent <= _MOST else None
