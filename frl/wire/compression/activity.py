"""Activity of the rows and columns of a weight matrix: a context for entropy coding.

An edge of an input that is always dark, or of a unit that never fires, hardly moves. Movement is
close to a product of a row's and a column's activity, so one small level for each row and each
column, sent with the message, tells quiet edges from lively ones at next to no cost.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from frl.wire.compression.integers import decode_integers, encode_integers, integers_size
from frl.wire.errors import WireError
from frl.wire.reader import Reader

CLASSES = 16
"""Number of activity classes."""
_HEAD = struct.Struct("<IB")
_RANGE = 20
_COUNTS = 1.5
_DEFAULT_WIDTH = 256
_SMALL = 512
_FEW = 1 << 15


class Activity(NamedTuple):
    """Levels of the rows and columns of a layer, about the layer's mean.

    Attributes
    ----------
    width : int
        Edges a row; the last row may be shorter.
    rows : int32 array of shape (ceil(n / width),)
        Levels in half-octaves.
    columns : int32 array of shape (width,)
        Levels in octaves; empty where only rows are told apart.
    """

    width: int
    rows: NDArray[np.int32]
    columns: NDArray[np.int32]

    def classes(self, n: int) -> NDArray[np.uint8]:
        """Give each of the ``n`` edges its class, shape (n,), each below ``CLASSES``."""
        rows = self.rows.astype(np.int8)[:, None]
        columns = (self.columns if self.columns.size else np.zeros(self.width)).astype(np.int8)
        levels = rows + np.int8(2) * columns[None, :]
        levels += np.int8(CLASSES // 2)
        np.clip(levels, 0, CLASSES - 1, out=levels)
        return levels.reshape(-1)[:n].view(np.uint8)


def uniform(n: int) -> Activity:
    """Make no difference between rows or columns."""
    return Activity(max(n, 1), np.zeros(1, np.int32), np.zeros(0, np.int32))


def measure(movement: NDArray[np.uint8], rows: int | None) -> Activity:
    """Measure the activity of a layer.

    Parameters
    ----------
    movement : uint8 array of shape (n,)
        How far each edge moved, in any unit.
    rows : int or None
        Rows of the layer's weight matrix (output units); None where unknown.
    """
    n = movement.size
    if n < _SMALL:
        return uniform(n)
    known = rows is not None and rows >= 8 and n % rows == 0
    width = n // rows if known and rows else _DEFAULT_WIDTH
    if n % width:
        movement = np.concatenate([movement, np.zeros(-n % width, dtype=np.uint8)])
    matrix = movement.reshape(-1, width)
    mean = max(float(matrix.mean()), 1e-6)
    by_row = _levels(2, matrix.sum(axis=1, dtype=np.uint32) / width, mean, 1 / width)
    by_column = np.zeros(0, dtype=np.int32)
    if known and mean * len(matrix) >= _COUNTS:
        heights = matrix.sum(axis=0, dtype=np.uint32) / len(matrix)
        by_column = _levels(1, heights, mean, 1 / len(matrix))
    return Activity(width, by_row, by_column)


def ways(options: Sequence[int], activity: Activity, n: int) -> list[tuple[int, Activity]]:
    """Return what to try for a layer: the finest contexts, and where it has few edges all of them.

    Parameters
    ----------
    options : sequence of int
        Numbers of contexts beside the activity, the finest last.
    activity : Activity
    n : int
        Edges of the layer.
    """
    if n >= _FEW:
        return [(options[-1], activity)]
    return [(option, how) for option in options for how in (activity, uniform(n))]


def smallest(
    tried: Sequence[tuple[int, Activity]],
    values: NDArray[np.int32],
    contexts: Callable[[int, Activity], NDArray[np.uint8]],
) -> tuple[int, Activity]:
    """Return the way of :func:`ways` that makes integers about the smallest.

    Parameters
    ----------
    tried : sequence of (int, Activity)
    values : int32 array of shape (n,)
    contexts : callable
        The contexts of the values in such a way.
    """
    if len(tried) == 1:
        return tried[0]
    return min(
        tried,
        key=lambda way: len(encode_activity(way[1])) + integers_size(values, contexts(*way)),
    )


def encode_activity(activity: Activity) -> bytes:
    """Encode the levels."""
    head = _HEAD.pack(activity.width, bool(activity.columns.size))
    columns = encode_integers(activity.columns)
    return b"".join([head, encode_integers(activity.rows), columns])


def decode_activity(reader: Reader, n: int) -> Activity:
    """Decode the levels of a layer of ``n`` edges.

    Raises
    ------
    WireError
        If they do not fit such a layer.
    """
    width, by_column = reader.structure(_HEAD)
    if not 1 <= width <= n or by_column > 1:
        raise WireError("corrupt", f"rows of {width} edges in a layer of {n}")
    rows = decode_integers(reader, -(-n // width))
    columns = decode_integers(reader, width if by_column else 0)
    for levels in (rows, columns):
        if levels.size and int(np.abs(levels).max()) > _RANGE:
            raise WireError("corrupt", "an activity level is out of range")
    return Activity(width, rows, columns)


def _levels(steps: int, means: NDArray[np.float64], mean: float, least: float) -> NDArray[np.int32]:
    levels = np.round(steps * np.log2(np.maximum(means, least / 2) / mean))
    return np.clip(levels, -_RANGE, _RANGE).astype(np.int32)
