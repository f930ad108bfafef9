"""``ballot``: a few bits of rank for each edge, entropy-coded given the base ranking."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.ballots import boundaries, bucket_table
from frl.errors import InputError
from frl.ranking import Positions
from frl.wire import register
from frl.wire.activity import CLASSES, decode_activity, encode_activity, measure
from frl.wire.base import Coding
from frl.wire.errors import WireError
from frl.wire.integers import decode_integers, encode_integers
from frl.wire.reader import Reader
from frl.wire.validate import require_counts

_HEAD = struct.Struct("<H")
_MAX_PLACES = 256


@register("ballot")
@dataclass(frozen=True)
class Ballot(Coding):
    """A ballot given the base ranking: each edge's bucket relative to the base's own bucket.

    The context of an edge is its place in the base ranking, finer than a bucket (an edge near a
    boundary crosses it more easily), and the activity of its row and column.

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
        """Return a bound no honest ballot reaches."""
        return 4 * n + (1 << 18)

    def encode_layer(self, values: NDArray[Any], base: Positions | None, rows: int | None) -> bytes:
        """Encode the buckets of one layer."""
        if base is None:
            raise InputError("coding 'ballot' needs a base ranking")
        if not values.size:
            return b""
        edges = self._edges(values.size)
        expected = bucket_table(edges)[base]
        moved = values.astype(np.int16) - expected
        activity = measure(np.minimum(np.abs(moved), 64).astype(np.uint8), rows)
        places = _places(values.size, self.bits)
        contexts = _contexts(places, edges, base, activity.classes(values.size))
        return b"".join(
            [
                _HEAD.pack(places),
                encode_activity(activity),
                encode_integers(moved.astype(np.int32), contexts),
            ]
        )

    def decode_layer(self, payload: memoryview, n: int, base: Positions | None) -> NDArray[Any]:
        """Decode the buckets of one layer and check how many edges each holds."""
        if base is None:
            raise InputError("coding 'ballot' needs a base ranking")
        reader = Reader(payload)
        edges = self._edges(n)
        if not n:
            reader.finish()
            return np.zeros(0, dtype=np.uint8)
        (places,) = reader.structure(_HEAD)
        if not 1 <= places <= _MAX_PLACES:
            raise WireError("corrupt", f"{places} context places")
        activity = decode_activity(reader, n)
        contexts = _contexts(places, edges, base, activity.classes(n))
        moved = decode_integers(reader, n, contexts)
        reader.finish()
        buckets = moved + bucket_table(edges)[base]
        if int(buckets.view(np.uint32).max()) >= 1 << self.bits:
            raise WireError("out-of-range", f"a bucket is not in 0 .. {(1 << self.bits) - 1}")
        return require_counts(buckets.astype(np.uint8), np.diff(edges))

    def _edges(self, n: int) -> NDArray[np.int64]:
        return boundaries(n, self.bits, focus=self.focus, centre=self.centre)


def _places(n: int, bits: int) -> int:
    return 128

def _contexts(
    places: int,
    edges: NDArray[np.int64],
    base: Positions,
    classes: NDArray[np.uint8],
) -> NDArray[np.uint16]:
    n = base.size
    table = (np.arange(n, dtype=np.int64) * places // n * CLASSES).astype(np.uint16)
    return table[base] + classes
