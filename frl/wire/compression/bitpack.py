"""Integers of one fixed width, packed without gaps.

Eight values of ``width`` bits fill exactly ``width`` bytes. Values are laid out from the lowest bit
of the first byte upwards (little-endian), and unused bits of the last byte are zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from frl.wire.errors import WireError

_GROUPS = 1 << 13
_WORD = np.dtype("<u8")


def width_for(n: int) -> int:
    """Bits that hold any of ``0 .. n-1``: ``ceil(log2 n)``, 0 where there is at most one value."""
    return (n - 1).bit_length() if n > 1 else 0


def packed_size(count: int, width: int) -> int:
    """Bytes that ``count`` values of ``width`` bits take."""
    return (count * width + 7) // 8


def pack(values: NDArray[Any], width: int) -> bytes:
    """Pack integers.

    Parameters
    ----------
    values : integer array of shape (count,)
        Each in ``0 .. 2**width - 1``.
    width : int
        Bits a value, 0 to 63.
    """
    count = values.size
    if not count or not width:
        return b""
    groups = -(-count // 8)
    packed = np.empty((groups, width), dtype=np.uint8)
    for start in range(0, groups, _GROUPS):
        part = values[8 * start : 8 * (start + _GROUPS)]
        if part.size % 8:
            part = np.concatenate([part, np.zeros(-part.size % 8, dtype=part.dtype)])
        lanes = part.reshape(-1, 8).T.astype(np.uint64)
        words = np.zeros((-(-width // 8), lanes.shape[1]), dtype=np.uint64)
        for lane in range(8):
            word, shift = divmod(lane * width, 64)
            words[word] |= lanes[lane] << np.uint64(shift)
            if shift + width > 64:
                words[word + 1] |= lanes[lane] >> np.uint64(64 - shift)
        rows = np.ascontiguousarray(words.T).astype(_WORD, copy=False)
        packed[start : start + _GROUPS] = rows.view(np.uint8)[:, :width]
    return packed.tobytes()[: packed_size(count, width)]


def unpack(payload: bytes | memoryview, count: int, width: int) -> NDArray[np.uint64]:
    """Unpack what :func:`pack` made, in memory proportional to ``count``.

    Returns
    -------
    uint64 array of shape (count,)

    Raises
    ------
    WireError
        If the payload does not have exactly the length of ``count`` values, or unused bits are set.
    """
    size = packed_size(count, width)
    if len(payload) != size:
        reason = "truncated" if len(payload) < size else "trailing-bytes"
        raise WireError(
            reason, f"{count} values of {width} bits take {size} bytes, got {len(payload)}"
        )
    if not size:
        return np.zeros(count, dtype=np.uint64)
    groups = -(-count // 8)
    flat = np.zeros(groups * width, dtype=np.uint8)
    flat[:size] = np.frombuffer(payload, dtype=np.uint8)
    packed = flat.reshape(groups, width)
    values = np.empty((groups, 8), dtype=np.uint64)
    mask = np.uint64((1 << width) - 1)
    for start in range(0, groups, _GROUPS):
        part = packed[start : start + _GROUPS]
        rows = np.zeros((len(part), 8 * -(-width // 8)), dtype=np.uint8)
        rows[:, :width] = part
        words = np.ascontiguousarray(rows.view(_WORD).T).astype(np.uint64, copy=False)
        lanes = np.empty((8, len(part)), dtype=np.uint64)
        for lane in range(8):
            word, shift = divmod(lane * width, 64)
            np.right_shift(words[word], np.uint64(shift), out=lanes[lane])
            if shift + width > 64:
                lanes[lane] |= words[word + 1] << np.uint64(64 - shift)
        lanes &= mask
        values[start : start + _GROUPS] = lanes.T
    flat_values = values.reshape(-1)
    if flat_values[count:].any():
        raise WireError("padding", "unused bits of the last byte are set")
    return flat_values[:count]
