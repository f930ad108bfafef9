"""Random changes of training images, on tensors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from frl.errors import unknown

_PADDING = 4


def augment(images: Tensor, how: str, rng: np.random.Generator) -> Tensor:
    """Change a batch of images at random.

    Parameters
    ----------
    images : Tensor of shape (m, channels, height, width)
        Already normalised; padding is 0 there.
    how : {"none", "crop-flip"}
        ``"crop-flip"``: pad by 4, crop back at a random place, flip left-right with chance 1/2.
    rng : numpy Generator

    Returns
    -------
    Tensor of the same shape
    """
    if how == "none":
        return images
    if how != "crop-flip":
        raise unknown("augmentation", how, ("none", "crop-flip"))
    count, _, height, width = images.shape
    top = torch.from_numpy(rng.integers(0, 2 * _PADDING + 1, size=(count, 1, 1)))
    left = torch.from_numpy(rng.integers(0, 2 * _PADDING + 1, size=(count, 1, 1)))
    flip = torch.from_numpy(rng.integers(0, 2, size=(count, 1, 1), dtype=np.int64).astype(bool))
    rows = top + torch.arange(height).view(1, -1, 1)
    columns = torch.arange(width).view(1, 1, -1)
    columns = left + torch.where(flip, width - 1 - columns, columns)
    padded = torch.nn.functional.pad(images, (_PADDING,) * 4)
    example = torch.arange(count).view(-1, 1, 1)
    rows, columns, example = (index.to(images.device) for index in (rows, columns, example))
    return padded[example, :, rows, columns].permute(0, 3, 1, 2).contiguous()
