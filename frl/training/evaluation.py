"""Accuracy and loss of a module on held-out data."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn

from frl.training.batch_statistics import least_batch
from frl.training.forward.passes import batches, in_order, outputs


class Evaluation(NamedTuple):
    """Result of an evaluation; ``accuracy`` is a share in [0, 1]."""

    accuracy: float
    loss: float
    examples: int


def evaluate(
    module: nn.Module,
    batch_of: Callable[[int, int], tuple[Tensor, Tensor]],
    count: int,
    batch_size: int = 250,
) -> Evaluation:
    """Evaluate on ``count`` examples, on as many threads as torch may use.

    The figures are those of one thread: losses of batches are added in the order of the batches.

    Parameters
    ----------
    module : nn.Module
    batch_of : callable (start, stop) -> (inputs, labels)
        Examples ``start`` to ``stop`` as the model takes them; called from several threads.
    count : int
    batch_size : int
    """

    def measured(copy: nn.Module, start: int, stop: int) -> tuple[int, float]:
        inputs, labels = batch_of(start, stop)
        logits = outputs(copy, inputs)
        right = int((logits.argmax(dim=1) == labels).sum())
        return right, float(nn.functional.cross_entropy(logits, labels, reduction="sum"))

    found = in_order(module, batches(count, batch_size, least_batch(module)), measured)
    correct, loss = sum(right for right, _ in found), 0.0
    for _, part in found:
        loss += part
    return Evaluation(
        accuracy=correct / count if count else 0.0,
        loss=loss / count if count else 0.0,
        examples=count,
    )
