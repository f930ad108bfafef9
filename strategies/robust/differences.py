"""Differences of clients' arrays to the state that was sent: their norms, a stack, a mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.exchange.messages import MalformedError
from strategies.robust.model_state import ModelState

_BLOCK = 1 << 16
"""Values that are worked on at once; they stay in the cache."""
_ROUNDING = 0.99
"""Of a norm in float32: what is below this part of the limit is below it for certain."""


def require_near(state: ModelState, arrays: Arrays, most_norm: float) -> None:
    """Raise unless a difference is finite and its norm at most ``most_norm``.

    Raises
    ------
    MalformedError
        With the reason ``non-finite`` or ``absurd-norm``.
    """
    scratch, squares = np.empty(_BLOCK, dtype=np.float32), 0.0
    for name, _, block in _blocks(state):
        new, old = arrays[name].reshape(-1)[block], state.arrays[name].reshape(-1)[block]
        part = _subtract(new, old, scratch[: len(new)])
        with np.errstate(over="ignore", invalid="ignore"):
            squares += float(np.dot(part, part))
    if squares <= (_ROUNDING * most_norm) ** 2:
        return
    squares = 0.0
    for name, _, block in _blocks(state):
        new, old = arrays[name].reshape(-1)[block], state.arrays[name].reshape(-1)[block]
        exact = _subtract(new, old, scratch[: len(new)]).astype(np.float64)
        if not np.isfinite(exact).all():
            raise MalformedError("non-finite", f"layer {name!r}")
        squares += float(np.dot(exact, exact))
    if squares**0.5 > most_norm:
        raise MalformedError("absurd-norm", f"norm is {squares**0.5:.3g}, over {most_norm:.3g}")


def stacked(state: ModelState, replies: Sequence[Arrays]) -> NDArray[np.float32]:
    """Return the differences of clients, one a row: shape (n, d)."""
    rows: NDArray[np.float32] = np.empty((len(replies), sum(state.sizes)), dtype=np.float32)
    for row, arrays in zip(rows, replies, strict=True):
        start = 0
        for name, size in zip(state.ruled, state.sizes, strict=True):
            new, old = arrays[name].reshape(-1), state.arrays[name].reshape(-1)
            _subtract(new, old, row[start : start + size])
            start += size
    return rows


def mean(
    state: ModelState, replies: Sequence[Arrays], shares: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the weighted mean of the differences, shape (d,), without a stack of them.

    Parameters
    ----------
    state : ModelState
    replies : sequence of Arrays
    shares : array of shape (replies,)
        Of sum 1.
    """
    vector: NDArray[np.float32] = np.empty(sum(state.sizes), dtype=np.float32)
    for name, start, block in _blocks(state):
        old = state.arrays[name].reshape(-1)[block]
        kind = np.result_type(old, np.float32)
        total, scaled = np.zeros(len(old), kind), np.empty(len(old), kind)
        for arrays, share in zip(replies, shares.tolist(), strict=True):
            np.multiply(arrays[name].reshape(-1)[block], share, out=scaled, dtype=kind)
            total += scaled
        np.subtract(total, old, out=vector[start : start + len(old)], casting="unsafe")
    return vector


def _blocks(state: ModelState) -> Iterator[tuple[str, int, slice]]:
    """Give each layer in pieces: its name, where the piece begins in a vector, and its place."""
    begin = 0
    for name, size in zip(state.ruled, state.sizes, strict=True):
        for start in range(0, size, _BLOCK):
            yield name, begin + start, slice(start, min(start + _BLOCK, size))
        begin += size


def _subtract(
    new: NDArray[np.floating], old: NDArray[np.floating], out: NDArray[np.float32]
) -> NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):
        kind = np.result_type(new, np.float32)
        np.subtract(new, old, out=out, dtype=kind, casting="unsafe")
    return out
