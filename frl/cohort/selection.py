"""Exact masks and rankings of a stack of layers, one row a client, without a loop over rows."""

from __future__ import annotations

import time

import torch
from torch import Tensor

_LOWEST, _HIGHEST = -(2**31), 2**31 - 1


def sortable(values: Tensor) -> Tensor:
    """Map float32 to int32 of the same order, as :func:`frl.ranking.sortable`."""
    bits = (values + 0.0).view(torch.int32)
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


def mask_by_topk(values: Tensor, k: int) -> Tensor:
    """Mark the ``k`` largest of each row with ``torch.topk``; see :func:`top_masks`."""
    threshold = values.topk(k, dim=1, sorted=False).values.amin(dim=1, keepdim=True)
    return _break_ties(values > threshold, values == threshold, k)


def mask_by_kthvalue(values: Tensor, k: int) -> Tensor:
    """Mark the ``k`` largest of each row with ``torch.kthvalue``; see :func:`top_masks`."""
    threshold = values.kthvalue(values.shape[1] - k + 1, dim=1, keepdim=True).values
    return _break_ties(values > threshold, values == threshold, k)


def mask_by_bisection(values: Tensor, k: int) -> Tensor:
    """Mark the ``k`` largest of each row by halving the range of the threshold; see `top_masks`.

    32 passes that only compare and count, whatever ``k``: no row is copied or sorted.
    """
    keys = sortable(values)
    low = torch.full((len(keys), 1), _LOWEST, dtype=torch.int64, device=keys.device)
    high = torch.full_like(low, _HIGHEST)
    for _ in range(32):
        middle = (low + high + 1) >> 1
        enough = (keys >= middle).sum(dim=1, keepdim=True) >= k
        low = torch.where(enough, middle, low)
        high = torch.where(enough, high, middle - 1)
    return _break_ties(keys > low, keys == low, k)


def top_masks(values: Tensor, k: int, how: str = "topk") -> Tensor:
    """Mark the ``k`` largest of each row; of equal values the one of higher index.

    Parameters
    ----------
    values : float32 Tensor of shape (rows, n), without NaN
    k : int
    how : {"topk", "kthvalue", "bisection"}
        Only the time differs.

    Returns
    -------
    bool Tensor of shape (rows, n), with exactly ``k`` true in each row
    """
    n = values.shape[1]
    if k <= 0 or k >= n:
        return torch.full_like(values, k > 0, dtype=torch.bool)
    return SELECTIONS[how](values, k)


def selection_seconds(values: Tensor, k: int) -> dict[str, float]:
    """Time every way to select once, warm, on the device of these values."""

    def seconds(how: str) -> float:
        top_masks(values, k, how)
        _wait(values.device)
        begun = time.perf_counter()
        top_masks(values, k, how)
        _wait(values.device)
        return time.perf_counter() - begun

    return {how: seconds(how) for how in SELECTIONS}


def fastest_selection(values: Tensor, k: int) -> str:
    """Return the fastest way to select, as timed here; the result does not depend on it."""
    taken = selection_seconds(values, k)
    return min(taken, key=taken.__getitem__)


SELECTIONS = {
    "topk": mask_by_topk,
    "kthvalue": mask_by_kthvalue,
    "bisection": mask_by_bisection,
}


def rank_rows(scores: Tensor) -> Tensor:
    """Rank the edges of each row by score; of equal scores the higher edge id ranks higher.

    Parameters
    ----------
    scores : float32 Tensor of shape (rows, n)

    Returns
    -------
    int32 Tensor of shape (rows, n)
    """
    order = torch.argsort(sortable(scores), dim=1, stable=True)
    places = torch.arange(scores.shape[1], dtype=torch.int32, device=scores.device)
    positions = torch.empty_like(order, dtype=torch.int32)
    return positions.scatter_(1, order, places.expand_as(positions))


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _break_ties(above: Tensor, tied: Tensor, k: int) -> Tensor:
    missing = k - above.sum(dim=1, keepdim=True)
    from_the_end = tied.flip(1).cumsum(dim=1).flip(1)
    return above | (tied & (from_the_end <= missing))
