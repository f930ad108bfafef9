"""``ballot``: a few bits of rank for each edge, entropy-coded given the base ranking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.ballots import boundaries, bucket_table
from frl.ranking import Positions
from frl.wire import register
from frl.wire.activity import CLASSES, Activity, decode_activity, encode_activity, measure, uniform
from frl.wire.base import Coding, require_base
from frl.wire.bitpack import pack, packed_size, unpack
from frl.wire.errors import WireError
from frl.wire.integers import decode_integers, encode_integers
from frl.wire.reader import Reader
from frl.wire.validate import require_counts

_PACKED = 0
_PLACES = (1, 4, 16)
_SMALL = 1 << 17


@register("ballot")
@dataclass(frozen=True)
class Ballot(Coding):
    """A ballot given the base ranking: each edge's bucket relative to the base's own bucket.

    The context of an edge is its place within its bucket of the base ranking (an edge near a
    boundary crosses it more easily) and the activity of its row and column. A layer too small to
    profit is packed at ``bits`` an edge.

    Parameters
    ----------
    bits : int
        Bits of the ballot, 1 to 8.
    focus, centre : float
        Of the buckets, see :func:`frl.ballots.boundaries`.
    """

    bits: int = 4
    focus: float = 1.0
    centre: float = 0.5

    code: ClassVar[int] = 3
    takes: ClassVar[str] = "uint8 buckets"
    gives: ClassVar[str] = "uint8 buckets, with the counts of a ranking"
    needs_base: ClassVar[bool] = True

    def __post_init__(self) -> None:
        boundaries(1, self.bits, focus=self.focus, centre=self.centre)

    @property
    def parameter(self) -> int:
        """Bits, focus in 1/256 and centre in 1/4096."""
        return self.bits | round(self.focus * 256) << 4 | round(self.centre * 4096) << 17

    def limit(self, n: int) -> int:
        """Return the packed size and the byte that says so: no payload is larger."""
        return 1 + packed_size(n, self.bits)

    def encode_layer(self, values: NDArray[Any], base: Positions | None, rows: int | None) -> bytes:
        """Encode the buckets of one layer."""
        base = require_base("ballot", base)
        n = values.size
        edges = self._edges(n)
        if not n:
            return bytes([_PACKED])
        moved = values.astype(np.int16) - bucket_table(edges).take(base)
        activity = measure(np.minimum(np.abs(moved), 64).astype(np.uint8), rows)
        ways = [(_PLACES[-1], activity)]
        if n < _SMALL:
            ways = [(places, how) for places in _PLACES for how in (activity, uniform(n))]
        coded = min((self._coded(moved, edges, base, *way) for way in ways), key=len)
        return coded if len(coded) < self.limit(n) else bytes([_PACKED]) + pack(values, self.bits)

    def decode_layer(self, payload: memoryview, n: int, base: Positions | None) -> NDArray[Any]:
        """Decode the buckets of one layer and check how many edges each holds."""
        base = require_base("ballot", base)
        edges = self._edges(n)
        reader = Reader(payload)
        places = reader.take(1)[0]
        if places == _PACKED:
            packed = reader.take(packed_size(n, self.bits))
            buckets = unpack(packed, n, self.bits).astype(np.int32)
        elif places in _PLACES and n:
            activity = decode_activity(reader, n)
            contexts = self._contexts(places, edges, base, activity)
            buckets = decode_integers(reader, n, contexts) + bucket_table(edges).take(base)
        else:
            raise WireError("corrupt", f"{places} context places")
        reader.finish()
        if n and int(buckets.view(np.uint32).max()) >= 1 << self.bits:
            raise WireError("out-of-range", f"a bucket is not in 0 .. {(1 << self.bits) - 1}")
        return require_counts(buckets.astype(np.uint8), np.diff(edges))

    def _edges(self, n: int) -> NDArray[np.int64]:
        return boundaries(n, self.bits, focus=self.focus, centre=self.centre)

    def _coded(
        self,
        moved: NDArray[np.int16],
        edges: NDArray[np.int64],
        base: Positions,
        places: int,
        activity: Activity,
    ) -> bytes:
        contexts = self._contexts(places, edges, base, activity)
        integers = encode_integers(moved.astype(np.int32), contexts)
        return b"".join([bytes([places]), encode_activity(activity), integers])

    def _contexts(
        self, places: int, edges: NDArray[np.int64], base: Positions, activity: Activity
    ) -> NDArray[np.uint8]:
        fine = places if self.bits < 7 else max(1, places // 8)
        return _places(edges, fine, places // fine).take(base) * np.uint8(CLASSES) + activity.classes(
            base.size
        )


def _places(edges: NDArray[np.int64], fine: int, regions: int) -> NDArray[np.uint8]:
    """Context place of each base rank: ``fine`` parts of each bucket, ``regions`` groups of buckets."""
    widths = np.diff(edges)
    parts = np.arange(fine + 1)
    firsts = edges[:-1, None] + widths[:, None] * parts // fine
    region = np.arange(widths.size) * regions // widths.size
    place = (region[:, None] * fine + parts[:-1]).astype(np.uint8)
    return np.repeat(place.reshape(-1), np.diff(firsts, axis=1).reshape(-1))
