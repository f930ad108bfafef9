"""``delta``: a full ranking, lossless, given the ranking both sides hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.ranking import Positions, invert
from frl.wire.coding import Coding, require_base
from frl.wire.codings import register
from frl.wire.compression.activity import (
    CLASSES,
    Activity,
    decode_activity,
    encode_activity,
    measure,
    smallest,
    ways,
)
from frl.wire.compression.bitpack import pack, packed_size, unpack, width_for
from frl.wire.compression.blocks import BLOCK, decode_orders, encode_orders, orders_size
from frl.wire.compression.integers import decode_integers, encode_integers
from frl.wire.errors import WireError
from frl.wire.reader import Reader
from frl.wire.validate import require_permutation

_PACKED = 0
_REGIONS = (1, 4, 16)
_WINDOW = 256


@register("delta")
@dataclass(frozen=True)
class Delta(Coding):
    """A ranking given the base ranking.

    Ranks are split into blocks of 16. Where an edge's block lies, relative to where its base rank
    predicts, is entropy-coded; then the order within each block is one number below 16!
    (:mod:`frl.wire.compression.blocks`). The prediction follows the drift of quiet edges, which
    keep their score while others overtake them; the context is the region of the base rank and the
    activity of row and column.
    """

    code: ClassVar[int] = 2
    takes: ClassVar[type[np.generic]] = np.int32
    gives: ClassVar[str] = "int32 positions, a permutation"
    needs_base: ClassVar[bool] = True

    def limit(self, n: int) -> int:
        """Return the fixed-width size and the byte that says so: no payload is larger."""
        return delta_limit(n)

    def encode_layer(self, values: NDArray[Any], base: Positions | None, rows: int | None) -> bytes:
        """Encode the positions of one layer."""
        require_permutation(values, values.size)
        return encode_delta(values, require_base("delta", base), rows)

    def decode_layer(self, payload: memoryview, n: int, base: Positions | None) -> NDArray[Any]:
        """Decode the positions of one layer and check that they are a permutation."""
        return decode_delta(Reader(payload), n, require_base("delta", base))


def delta_limit(n: int) -> int:
    """Bytes of a packed layer and of the byte that says so: nothing is encoded to more."""
    return 1 + packed_size(n, width_for(n))


def encode_delta(positions: Positions, base: Positions, rows: int | None) -> bytes:
    """Encode positions given base positions, both permutations of ``0 .. n-1``."""
    n = positions.size
    if n < BLOCK:
        return _packed(positions)
    drift = _drift(positions, base)
    moved = (positions >> 4) - _predicted(base, drift)
    activity = measure(_movement(moved), rows)

    def contexts(regions: int, way: Activity) -> NDArray[np.uint8]:
        return _contexts(base, regions, way)

    regions, chosen = smallest(ways(_REGIONS, activity, n), moved, contexts)
    integers = encode_integers(moved, contexts(regions, chosen))
    filled = np.arange(-(-n // BLOCK) * BLOCK, dtype=np.int32)
    filled[:n] = invert(positions)
    orders = encode_orders(filled.reshape(-1, BLOCK))
    drifts = encode_integers(np.diff(drift, prepend=np.int32(0)))
    coded = bytes([regions]) + drifts + encode_activity(chosen) + integers + orders
    return coded if len(coded) < delta_limit(n) else _packed(positions)


def decode_delta(reader: Reader, n: int, base: Positions) -> Positions:
    """Decode what :func:`encode_delta` made, to the end of the payload.

    Raises
    ------
    WireError
        If it is not a permutation of ``0 .. n-1``.
    """
    regions = reader.take(1)[0]
    if regions == _PACKED:
        packed = reader.take(packed_size(n, width_for(n)))
        reader.finish()
        return require_permutation(unpack(packed, n, width_for(n)).astype(np.int32), n)
    if regions not in _REGIONS or n < BLOCK:
        raise WireError("corrupt", f"{regions} context regions")
    blocks = -(-n // BLOCK)
    drift = np.cumsum(decode_integers(reader, -(-n // _WINDOW)), dtype=np.int32)
    activity = decode_activity(reader, n)
    contexts = _contexts(base, regions, activity)
    block = decode_integers(reader, n, contexts) + _predicted(base, drift)
    orders = reader.take(orders_size(blocks))
    reader.finish()
    keys = block.astype(np.int64) << 32
    keys |= np.arange(n, dtype=np.int32)
    keys.sort()
    expected = np.arange(n, dtype=np.int64) >> 4
    if not np.array_equal(keys >> 32, expected):
        raise WireError("not-a-permutation", f"blocks do not hold {BLOCK} edges each")
    ids = np.arange(blocks * BLOCK, dtype=np.int32)
    ids[:n] = keys & 0x7FFFFFFF
    ordered = decode_orders(orders, ids.reshape(-1, BLOCK)).reshape(-1)
    if not np.array_equal(ordered[n:], ids[n:]):
        raise WireError("padding", "edges beyond the layer are not at the end")
    return invert(ordered)[:n]


def _packed(positions: Positions) -> bytes:
    return bytes([_PACKED]) + pack(positions, width_for(positions.size))


def _drift(positions: Positions, base: Positions) -> NDArray[np.int32]:
    """Blocks that the typical edge of each window of base ranks has moved, shape (windows,)."""
    moved = np.empty_like(positions)
    moved[base] = positions
    moved -= np.arange(base.size, dtype=np.int32)
    windows = -(-base.size // _WINDOW)
    filled = np.zeros(windows * _WINDOW, dtype=np.int32)
    filled[: base.size] = moved
    middle = np.partition(filled.reshape(windows, _WINDOW), _WINDOW // 2, axis=1)[:, _WINDOW // 2]
    return (middle + BLOCK // 2) >> 4


def _predicted(base: Positions, drift: NDArray[np.int32]) -> NDArray[np.int32]:
    """Block in which each edge is expected, shape (n,)."""
    table = np.arange(base.size, dtype=np.int32) >> 4
    last = int(table[-1])
    table += np.repeat(drift, _WINDOW)[: base.size]
    return np.clip(table, 0, last, out=table).take(base)


def _movement(moved: NDArray[np.int32]) -> NDArray[np.uint8]:
    return np.minimum(np.abs(moved), 255).astype(np.uint8)


def _contexts(base: Positions, regions: int, activity: Activity) -> NDArray[np.uint8]:
    n = base.size
    edges = np.arange(regions + 1, dtype=np.int64) * n // regions
    region = np.arange(regions, dtype=np.uint8) * np.uint8(CLASSES)
    return np.repeat(region, np.diff(edges)).take(base) + activity.classes(n)
