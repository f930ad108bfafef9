"""Order statistics of every coordinate: medians, trimmed sums and the values nearest the median."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from strategies.stack.blocks import columns
from strategies.stack.network import UNUSED, network, run


def in_order(
    stack: Tensor,
    groups: Sequence[int],
    *,
    rows: Sequence[int] | None = None,
    start: int = 0,
    stop: int | None = None,
) -> Iterator[tuple[slice, list[Tensor]]]:
    """Sort each column as far as ``groups`` asks, block by block.

    Parameters
    ----------
    stack : Tensor
        Shape (n, d).
    groups : Sequence[int]
        One label for each sorted place; see :func:`strategies.stack.network.network`.
    rows : Sequence[int], optional
        The clients that take part; all by default.
    start, stop : int
        Columns to cover; all by default.

    Yields
    ------
    slice
        The columns of the block.
    list of Tensor
        Its sorted rows; the caller may overwrite them, the next block does.
    """
    chosen = list(range(len(stack))) if rows is None else list(rows)
    comparators = network(tuple(groups))
    room: Tensor | None = None
    for block in columns(stack, start, stop):
        width = block.stop - block.start
        if room is None:
            room = torch.empty(len(chosen) + 1, width, dtype=stack.dtype, device=stack.device)
        for place, row in enumerate(chosen):
            room[place, :width].copy_(stack[row, block])
        *values, spare = room[:, :width].unbind(0)
        yield block, run(comparators, values, spare)


def middle(n: int) -> tuple[int, int]:
    """Return the two sorted places whose mean is the median of n values; equal where n is odd."""
    return (n - 1) // 2, n // 2


def median_groups(n: int) -> list[int]:
    """Ask for the middle of n values and nothing else."""
    return [0 if place in middle(n) else UNUSED for place in range(n)]


def median(stack: Tensor) -> Tensor:
    """Compute the median of each column of a float stack, shape (d,); of even n the mean of two."""
    out = stack.new_empty(stack.shape[1])
    low, high = middle(len(stack))
    for block, rows in in_order(stack, median_groups(len(stack))):
        if low == high:
            out[block] = rows[low]
        else:
            torch.add(rows[low], rows[high], out=out[block]).mul_(0.5)
    return out


def trimmed_sum(stack: Tensor, trim: int, dtype: torch.dtype) -> Tensor:
    """Add up each column without its ``trim`` smallest and ``trim`` largest values, shape (d,)."""
    n = len(stack)
    kept = range(trim, n - trim)
    out = torch.empty(stack.shape[1], dtype=dtype, device=stack.device)
    for block, rows in in_order(stack, [0 if place in kept else UNUSED for place in range(n)]):
        total = out[block]
        total.copy_(rows[trim])
        for place in kept[1:]:
            total.add_(rows[place])
    return out


def mean_around_median(stack: Tensor, drop: int, rows: Sequence[int] | None = None) -> Tensor:
    """Average, in each column, all but the ``drop`` values farthest from the median, shape (d,).

    Parameters
    ----------
    stack : Tensor
        Shape (n, d), float32.
    drop : int
        How many values to leave out of each column, fewer than there are.
    rows : Sequence[int], optional
        The clients that take part; all by default.

    Notes
    -----
    The ``keep`` values nearest the median are neighbours in the sorted column, so of the places
    ``k, k + keep, k + 2 keep, ...`` exactly one is kept: the one nearest the median. Of two values
    at the same distance the smaller is kept.
    """
    n = len(stack) if rows is None else len(rows)
    keep = n - drop
    low, high = middle(n)
    groups = [
        n if drop <= place < keep and place not in (low, high) else place for place in range(n)
    ]
    out = stack.new_empty(stack.shape[1])
    for block, ordered in in_order(stack, groups, rows=rows):
        centre = torch.add(ordered[low], ordered[high]).mul_(0.5)
        total = out[block]
        total.zero_()
        for first in range(keep):
            nearest = ordered[first]
            for value in ordered[first + keep :: keep]:
                nearest = torch.where(centre - nearest <= value - centre, nearest, value)
            total.add_(nearest)
        total.mul_(1 / keep)
    return out
