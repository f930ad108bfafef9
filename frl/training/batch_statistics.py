"""Batch norm by the statistics of the batch, in training and in evaluation.

Running statistics are no part of the state that clients send, so what a module was trained on
before would decide its accuracy. They are never used: an evaluation depends on which examples
share a batch, and those are fixed (in order, 250 at a time).
"""

from __future__ import annotations

import logging

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase

log = logging.getLogger(__name__)


def use_batch_statistics(module: nn.Module) -> None:
    """Take the running statistics off every norm of a module, in place."""
    switched = []
    for name, layer in module.named_modules():
        if isinstance(layer, _NormBase) and layer.track_running_stats:
            layer.track_running_stats = False
            for buffer in ("running_mean", "running_var", "num_batches_tracked"):
                layer._buffers[buffer] = None
            switched.append(name)
    if switched:
        log.info("statistics of the batch, never running ones: %s", ", ".join(switched))


def has_batch_statistics(module: nn.Module) -> bool:
    """Say whether the output of an example depends on the others of its batch."""
    return any(isinstance(layer, _BatchNorm) for layer in module.modules())


def least_batch(module: nn.Module) -> int:
    """Examples that a batch must have: one has no spread that a batch norm could divide by."""
    return 2 if has_batch_statistics(module) else 1
