"""Column blocks of a stack: the unit in which every rule works through d coordinates."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

_CPU_BYTES = 4 << 20
_ACCELERATOR_BYTES = 128 << 20
_LEAST_COLUMNS = 4096


def columns(
    stack: Tensor, start: int = 0, stop: int | None = None, *, itemsize: int = 4
) -> Iterator[slice]:
    """Cut the columns ``start .. stop`` into consecutive slices.

    Parameters
    ----------
    stack : Tensor
        Shape (n, d).
    start, stop : int
        Columns to cover; all by default.
    itemsize : int
        Bytes a value takes while a block is worked on.

    Yields
    ------
    slice
        About 4 MiB of working memory on a CPU (it should stay in the cache), 128 MiB elsewhere.
    """
    last = stack.shape[1] if stop is None else stop
    budget = _CPU_BYTES if stack.device.type == "cpu" else _ACCELERATOR_BYTES
    width = max(_LEAST_COLUMNS, budget // (max(1, len(stack)) * itemsize) // 1024 * 1024)
    for begin in range(start, last, width):
        yield slice(begin, min(begin + width, last))


def layer_bounds(layers: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Give the first column of every layer and the one after its last."""
    begin = 0
    for size in layers:
        yield begin, begin + size
        begin += size
