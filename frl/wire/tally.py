"""Tallies: what the ballots of a round added up to, given what both sides know of it before.

Whoever holds the ranking that a round began with, and knows who voted and with what noise, can work
out the sums that there would be had nobody moved. Only the difference is coded. Its context is how
near the edge lay to the ends of its buckets, and the activity of its row and column.

Layout of a message: voters ``u32`` | their ids, ``u32`` each | a frame of :mod:`frl.wire.header`
whose parameter is the CRC-32 of all before. Of a layer: classes a side ``u8``, 0 for plain
``i32`` | activity | integers.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from frl.wire.base import Base
from frl.wire.compression.activity import (
    CLASSES,
    Activity,
    decode_activity,
    encode_activity,
    measure,
    ways,
)
from frl.wire.compression.integers import decode_integers, encode_integers
from frl.wire.errors import WireError
from frl.wire.header import Frame, header_size, read_frame, read_payloads, write
from frl.wire.reader import Reader

CODE = 10
_PLAIN = 0
_SIDES = (1, 4)
_COUNT = struct.Struct("<I")
_ID = np.dtype("<u4")
_MOST_VOTERS = 1 << 20


class Expected(NamedTuple):
    """What is known of the sums of one layer before they are sent.

    Attributes
    ----------
    sums : int32 array of shape (n,)
        Had nobody moved.
    below, above : int32 array of shape (n,)
        How near the edge lay to the lower and to the upper end of its bucket, over all voters.
    """

    sums: NDArray[np.int32]
    below: NDArray[np.int32]
    above: NDArray[np.int32]


def encode_tally(
    sums: Mapping[str, NDArray[np.int32]],
    expected: Mapping[str, Expected],
    voters: tuple[int, ...],
    base: Base,
    rows: Mapping[str, int],
) -> bytes:
    """Encode the sums of every layer.

    Parameters
    ----------
    sums : mapping of layer name to int32 array of shape (n,)
    expected : mapping of layer name to Expected
    voters : tuple of int
        Clients whose ballots were added up.
    base : Base
        The ranking that the round began with.
    rows : mapping of layer name to int
        See :func:`frl.wire.encode`.
    """
    head = _COUNT.pack(len(voters)) + np.array(voters, dtype=_ID).tobytes()
    layers = {name: int(sums[name].size) for name in sorted(sums)}
    payloads = [_encode_layer(sums[name], expected[name], rows.get(name)) for name in layers]
    return head + write(Frame(CODE, zlib.crc32(head), base.round, base.digest), layers, payloads)


def read_voters(message: memoryview) -> tuple[int, ...]:
    """Read who voted.

    Raises
    ------
    WireError
        If this is not the beginning of a tally.
    """
    reader = Reader(message)
    (count,) = reader.structure(_COUNT)
    if count > _MOST_VOTERS:
        raise WireError("corrupt", f"{count} voters")
    return tuple(np.frombuffer(reader.take(_ID.itemsize * count), dtype=_ID).tolist())


def decode_tally(
    message: memoryview, expected: Mapping[str, Expected], voters: tuple[int, ...], base: Base
) -> dict[str, NDArray[np.int32]]:
    """Decode the sums of every layer, in time and memory bounded by the model.

    Parameters
    ----------
    message : memoryview
    expected : mapping of layer name to Expected
        Of these voters.
    voters : tuple of int
        From :func:`read_voters`.
    base : Base
        The ranking that this side holds.

    Raises
    ------
    WireError
        If the message is not a tally of this model against this ranking.
    """
    head = _COUNT.size + _ID.itemsize * len(voters)
    body = message[head:]
    layers = {name: int(expected[name].sums.size) for name in sorted(expected)}
    largest = header_size(len(layers)) + sum(map(_limit, layers.values()))
    if len(body) > largest:
        raise WireError("too-large", f"{len(body)} bytes for a tally that takes at most {largest}")
    frame = read_frame(body)
    if (frame.code, frame.parameter) != (CODE, zlib.crc32(message[:head])):
        raise WireError("wrong-coding", f"coding {frame.code} is not the tally of these voters")
    if (frame.base_round, frame.base_digest) != (base.round, base.digest):
        raise WireError(
            "wrong-base",
            f"coded against round {frame.base_round}; this side holds round {base.round}",
        )
    return {
        name: _decode_layer(payload, expected[name])
        for name, payload in zip(layers, read_payloads(body, layers), strict=True)
    }


def _limit(n: int) -> int:
    return 1 + 4 * n


def _encode_layer(sums: NDArray[np.int32], expected: Expected, rows: int | None) -> bytes:
    n = sums.size
    plain = bytes([_PLAIN]) + sums.astype("<i4").tobytes()
    if not n:
        return plain
    moved = sums - expected.sums
    activity = measure(np.minimum(np.abs(moved), 255).astype(np.uint8), rows)
    coded = min((_coded(moved, expected, *way) for way in ways(_SIDES, activity, n)), key=len)
    return coded if len(coded) < len(plain) else plain


def _coded(moved: NDArray[np.int32], expected: Expected, sides: int, activity: Activity) -> bytes:
    integers = encode_integers(moved, _contexts(expected, sides, activity))
    return b"".join([bytes([sides]), encode_activity(activity), integers])


def _decode_layer(payload: memoryview, expected: Expected) -> NDArray[np.int32]:
    n = expected.sums.size
    reader = Reader(payload)
    sides = reader.take(1)[0]
    if sides == _PLAIN:
        sums = np.frombuffer(reader.take(4 * n), dtype="<i4").astype(np.int32)
    elif sides in _SIDES and n:
        contexts = _contexts(expected, sides, decode_activity(reader, n))
        sums = expected.sums + decode_integers(reader, n, contexts)
    else:
        raise WireError("corrupt", f"{sides} classes a side")
    reader.finish()
    if int(sums.sum(dtype=np.int64)) != int(expected.sums.sum(dtype=np.int64)):
        raise WireError("wrong-counts", "the sums are not those of so many ballots")
    return sums


def _contexts(expected: Expected, sides: int, activity: Activity) -> NDArray[np.uint8]:
    contexts = activity.classes(expected.sums.size)
    if sides > 1:
        near = _quarter(expected.below) * np.uint8(sides) + _quarter(expected.above)
        contexts = contexts + near * np.uint8(CLASSES)
    return contexts


def _quarter(nearness: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Quarter of the layer that each edge belongs to by nearness, 0 to 3."""
    n = nearness.size
    cuts = [n // 4, n // 2, 3 * n // 4]
    ordered = np.partition(nearness, cuts)
    quarter = np.zeros(n, dtype=np.uint8)
    for cut in cuts:
        quarter += nearness > ordered[cut]
    return quarter
