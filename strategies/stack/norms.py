"""Euclidean norms of updates, and the factors that clip them."""

from __future__ import annotations

import torch
from torch import Tensor

from strategies.stack.blocks import columns


def norms(stack: Tensor, origin: Tensor | None = None) -> Tensor:
    """Measure every row, or its distance from ``origin``: shape (n,), float64, on the CPU."""
    squares = torch.zeros(len(stack), dtype=torch.float64, device=stack.device)
    for block in columns(stack):
        values = stack[:, block] if origin is None else stack[:, block] - origin[block]
        squares += torch.linalg.vector_norm(values, dim=1).double().square_()
    return squares.sqrt_().cpu()


def clip_factors(lengths: Tensor, bound: float) -> Tensor:
    """Return ``min(1, bound / length)`` for every length, 1 where the length is 0."""
    return torch.where(lengths > bound, bound / lengths, torch.ones_like(lengths))


def scale_rows(stack: Tensor, factors: Tensor) -> Tensor:
    """Multiply each row of a stack by its factor, in place; rows of factor 1 are left alone."""
    for row, factor in zip(stack, factors.tolist(), strict=True):
        if factor != 1:
            row.mul_(factor)
    return stack
