"""Accuracy and loss of a module on held-out data."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Evaluation(NamedTuple):
    """Result of an evaluation; ``accuracy`` is a share in [0, 1]."""

    accuracy: float
    loss: float
    examples: int


@torch.inference_mode()
def evaluate(
    module: nn.Module,
    batch_of: Callable[[int, int], tuple[Tensor, Tensor]],
    count: int,
    batch_size: int = 250,
) -> Evaluation:
    """Evaluate on ``count`` examples.

    Parameters
    ----------
    module : nn.Module
    batch_of : callable (start, stop) -> (inputs, labels)
        Examples ``start`` to ``stop`` as the model takes them.
    count : int
    batch_size : int
    """
    module.eval()
    correct, loss = 0, 0.0
    for start in range(0, count, batch_size):
        inputs, labels = batch_of(start, min(start + batch_size, count))
        logits = module(inputs)
        correct += int((logits.argmax(dim=1) == labels).sum())
        loss += float(nn.functional.cross_entropy(logits, labels, reduction="sum"))
    return Evaluation(
        accuracy=correct / count if count else 0.0,
        loss=loss / count if count else 0.0,
        examples=count,
    )
