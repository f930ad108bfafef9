"""Sums of rows: what is left of a rule once it knows how much each client counts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from strategies.stack.blocks import columns

_INT32_MAX = 2**31 - 1


def weighted_sum(stack: Tensor, weights: Tensor) -> Tensor:
    """Compute ``weights @ stack`` in float32: shape (n,) and (n, d) to (d,)."""
    factors = weights.to(stack.device, torch.float32)
    out = torch.empty(stack.shape[1], dtype=torch.float32, device=stack.device)
    for block in columns(stack):
        torch.mv(stack[:, block].to(torch.float32).T, factors, out=out[block])
    return out


def mean_of(stack: Tensor, rows: Sequence[int]) -> Tensor:
    """Average the named rows of a float32 stack, shape (d,)."""
    weights = torch.zeros(len(stack), dtype=torch.float64)
    weights[list(rows)] = 1 / len(rows)
    return weighted_sum(stack, weights)


def position_sum(stack: Tensor, rows: Sequence[int], largest: int) -> Tensor:
    """Add up the named rows of an int32 stack exactly, shape (d,).

    Parameters
    ----------
    stack : Tensor
        Shape (n, d), int32.
    rows : Sequence[int]
        Which to add.
    largest : int
        No entry is larger in magnitude; decides between an int32 and an int64 result.
    """
    out = torch.zeros(stack.shape[1], dtype=sum_dtype(len(rows), largest), device=stack.device)
    for row in rows:
        out.add_(stack[row])
    return out


def sum_dtype(count: int, largest: int) -> torch.dtype:
    """Return the smaller of int32 and int64 that holds ``count`` terms of magnitude ``largest``."""
    return torch.int32 if count * largest <= _INT32_MAX else torch.int64


def mix(stack: Tensor, matrix: Tensor, out: Tensor) -> Tensor:
    """Write ``matrix @ stack`` into ``out``, which may be the stack itself.

    Parameters
    ----------
    stack : Tensor
        Shape (n, d). Integers are averaged in float64 and rounded.
    matrix : Tensor
        Shape (m, n).
    out : Tensor
        Shape (m, d), of the stack's type.
    """
    kind = torch.float32 if stack.is_floating_point() else torch.float64
    factors = matrix.to(stack.device, kind)
    for block in columns(stack, itemsize=kind.itemsize):
        mixed = factors @ stack[:, block].to(kind)
        out[:, block] = mixed if stack.is_floating_point() else mixed.round_()
    return out
