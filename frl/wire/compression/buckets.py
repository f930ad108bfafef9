"""Buckets of a layer's edges, entropy-coded given the base ranking.

The value coded is each edge's bucket relative to the base's own bucket. Its context is the place of
the edge in the base ranking and the activity of its row and column. A layer too small to profit is
packed at fixed width.

Layout: number of places ``u8``, 0 for packed | activity | integers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frl.ranking import Positions
from frl.wire.boundaries import bucket_table
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
from frl.wire.compression.integers import decode_integers, encode_integers
from frl.wire.compression.places import PLACES, place_table
from frl.wire.errors import WireError
from frl.wire.reader import Reader
from frl.wire.validate import require_counts

_PACKED = 0


def buckets_limit(n: int, buckets: int) -> int:
    """Bytes of a packed layer and of the byte that says so: nothing is encoded to more."""
    return 1 + packed_size(n, width_for(buckets))


def encode_buckets(
    values: NDArray[Any], edges: NDArray[np.int64], base: Positions, rows: int | None
) -> bytes:
    """Encode buckets.

    Parameters
    ----------
    values : uint8 array of shape (n,)
        Bucket of each edge.
    edges : int64 array of shape (buckets + 1,)
        First rank of each bucket, from :func:`frl.wire.boundaries.boundaries`.
    base : int32 array of shape (n,)
        Positions in the base ranking.
    rows : int or None
        Rows of the layer's weight matrix.
    """
    n, buckets = values.size, edges.size - 1
    packed = bytes([_PACKED])
    require_counts(values, np.diff(edges))
    if not n:
        return packed
    finest = _known(edges, base, PLACES[-1])
    moved = values.astype(np.int32)
    moved -= finest.buckets
    activity = measure(np.minimum(np.abs(moved), 64).astype(np.uint8), rows)

    def contexts(places: int, way: Activity) -> NDArray[np.uint8]:
        known = finest if places == PLACES[-1] else _known(edges, base, places)
        return known.contexts(way)

    places, chosen = smallest(ways(PLACES, activity, n), moved, contexts)
    integers = encode_integers(moved, contexts(places, chosen))
    coded = b"".join([bytes([places]), encode_activity(chosen), integers])
    return (
        coded
        if len(coded) < buckets_limit(n, buckets)
        else packed + pack(values, width_for(buckets))
    )


def decode_buckets(
    reader: Reader, n: int, edges: NDArray[np.int64], base: Positions
) -> NDArray[np.uint8]:
    """Decode buckets and check how many edges each holds.

    Raises
    ------
    WireError
        If they are not the buckets of a ranking.
    """
    buckets = edges.size - 1
    places = reader.take(1)[0]
    if places == _PACKED:
        width = width_for(buckets)
        values = unpack(reader.take(packed_size(n, width)), n, width).astype(np.int32)
    elif places in PLACES and n:
        activity, known = decode_activity(reader, n), _known(edges, base, places)
        values = decode_integers(reader, n, known.contexts(activity)) + known.buckets
    else:
        raise WireError("corrupt", f"{places} context places")
    if n and int(values.view(np.uint32).max()) >= buckets:
        raise WireError("out-of-range", f"a bucket is not in 0 .. {buckets - 1}")
    return require_counts(values.astype(np.uint8), np.diff(edges))


class _Known(NamedTuple):
    """What the base says of each edge: its bucket, and its place as a context; shapes (n,)."""

    buckets: NDArray[np.uint8]
    places: NDArray[np.uint8]

    def contexts(self, activity: Activity) -> NDArray[np.uint8]:
        """Contexts with the activity of rows and columns."""
        return self.places + activity.classes(self.places.size)


def _known(edges: NDArray[np.int64], base: Positions, places: int) -> _Known:
    """Look both up at once."""
    table = (place_table(edges, places) * np.uint8(CLASSES)).astype(np.uint16) << np.uint16(8)
    found = (table | bucket_table(edges)).take(base)
    return _Known(found.astype(np.uint8), (found >> np.uint16(8)).astype(np.uint8))
