"""Accuracy and loss of a module on held-out data."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from frl.training.batch_statistics import least_batch
from frl.training.forward_randomness import seeded_forward


class Evaluation(NamedTuple):
    """Result of an evaluation; ``accuracy`` is a share in [0, 1]."""

    accuracy: float
    loss: float
    examples: int


def batches(count: int, size: int, least: int = 1) -> list[tuple[int, int]]:
    """Cut ``count`` examples into batches, each from start to stop.

    A last batch of fewer than ``least`` examples joins the one before.
    """
    starts = list(range(0, count, size))
    if len(starts) > 1 and count - starts[-1] < least:
        starts.pop()
    return list(zip(starts, [*starts[1:], count], strict=True))


@torch.inference_mode()
def evaluate(
    module: nn.Module,
    batch_of: Callable[[int, int], tuple[Tensor, Tensor]],
    count: int,
    batch_size: int = 250,
) -> Evaluation:
    """Evaluate on ``count`` examples, in order.

    A forward pass that is random even here has the same numbers each time.

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
    device = next((tensor.device for tensor in module.parameters()), None)
    with seeded_forward(0, device=device):
        for start, stop in batches(count, batch_size, least_batch(module)):
            inputs, labels = batch_of(start, stop)
            logits = module(inputs)
            correct += int((logits.argmax(dim=1) == labels).sum())
            loss += float(nn.functional.cross_entropy(logits, labels, reduction="sum"))
    return Evaluation(
        accuracy=correct / count if count else 0.0,
        loss=loss / count if count else 0.0,
        examples=count,
    )
