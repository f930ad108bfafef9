"""The largest coordinates of a vector."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def share_count(share: float, d: int) -> int:
    """Turn a share of d coordinates into a number of them, at least 1."""
    return max(1, round(share * d))


def largest(vector: Tensor, k: int) -> Tensor:
    """Mark the k coordinates of largest magnitude: shape (d,), bool, exactly k of them true.

    Of equal magnitudes the lower coordinate is taken.
    """
    size = vector.abs()
    threshold = _kth_largest(size, k)
    mask = size > threshold
    missing = k - int(mask.sum())
    ties = (size == threshold).nonzero()[:missing, 0]
    mask[ties] = True
    return mask


def _kth_largest(values: Tensor, k: int) -> float:
    if values.device.type == "cpu":
        place = len(values) - k
        return float(np.partition(values.numpy(), place)[place])
    return float(torch.topk(values, k).values[-1])
