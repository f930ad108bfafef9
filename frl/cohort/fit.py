"""Local training of several clients as one batch: stacked values, one launch for all of them.

The arithmetic of each client is that of :func:`frl.training.ranks.fit`: its own data order,
batches, number of steps, learning rates and augmentation. Only the order of additions inside a
kernel may differ.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import vmap

from frl.cohort.stack import Stack, Stacked
from frl.task import Task
from frl.training.augmentation import augment
from frl.training.local_steps import last_pass, local_steps, micro_batches, rows_of
from frl.training.ranks import Fit, Shard, augmenter, autocast
from frl.training.settings import TrainSettings
from frl.training.stateless import Stateless


def fit_together(
    call: Stateless,
    stack: Stack,
    values: Stacked,
    shards: Sequence[Shard],
    settings: TrainSettings,
    tasks: Sequence[Task],
) -> list[Fit]:
    """Minimise each client's cross-entropy over its own shard by SGD, in place.

    Clients that have taken all their steps drop out, so the longest shards must come first; within
    a step, smaller batches are padded with examples of weight 0.

    Parameters
    ----------
    call : Stateless
        The module as a function of its weights.
    stack : Stack
    values : dict of layer name to Tensor of shape (clients, ...)
        Where each client begins; changed in place.
    shards : sequence of Shard
        Longest first.
    settings : TrainSettings
    tasks : sequence of Task

    Returns
    -------
    list of Fit
        The seconds are shared out by steps.
    """
    begun = time.perf_counter()
    call.restore()
    plans = [
        local_steps(len(shard.labels), settings, task)
        for shard, task in zip(shards, tasks, strict=True)
    ]
    rows = [rows_of(plan, shard) for plan, shard in zip(plans, shards, strict=True)]
    changes = [augmenter(task) for task in tasks]
    momenta = {name: torch.zeros_like(tensor) for name, tensor in values.items()}
    device = next(iter(values.values())).device
    totals = torch.zeros(len(shards), device=device)
    for number in range(len(plans[0])):
        active = sum(len(plan) > number for plan in plans)
        steps = [plan[number] for plan in plans[:active]]
        batches = [
            Shard(
                augment(shard.inputs[row[number]], settings.augmentation, change),
                shard.labels[row[number]],
            )
            for shard, row, change in zip(shards[:active], rows, changes, strict=False)
        ]
        moving = {name: tensor[:active] for name, tensor in values.items()}
        weights = stack.weights(moving)
        sums, gradients = _gradients(call, weights, batches, settings)
        slopes = stack.gradients(moving, gradients)
        if settings.clip:
            _clip(slopes, settings.clip)
        _descend(
            moving,
            slopes,
            {name: momentum[:active] for name, momentum in momenta.items()},
            torch.tensor([step.rate for step in steps], device=device),
            settings,
        )
        first = torch.tensor([step.first for step in steps], device=device)
        totals[:active].masked_fill_(first, 0.0).add_(sums)
    seconds = (time.perf_counter() - begun) / max(1, sum(map(len, plans)))
    return [
        Fit(total / last_pass(plan), len(plan), seconds * len(plan))
        for total, plan in zip(totals.tolist(), plans, strict=True)
    ]


def _gradients(
    call: Stateless, weights: Stacked, batches: Sequence[Shard], settings: TrainSettings
) -> tuple[Tensor, Stacked]:
    """Return each client's summed loss, and the gradient of its mean loss."""
    inputs, labels, shares = _padded(batches)
    leaves = {name: tensor.requires_grad_() for name, tensor in weights.items()}
    means = torch.zeros(len(batches), device=inputs.device)
    found: list[Tensor] = []
    for start, stop in micro_batches(inputs.shape[1], settings):
        piece = slice(start, stop)
        with autocast(inputs.device, settings.precision):
            logits = vmap(call)(leaves, inputs[:, piece]).float()
        losses = nn.functional.cross_entropy(
            logits.flatten(0, 1), labels[:, piece].flatten(), reduction="none"
        ).view_as(shares[:, piece])
        part = (losses * shares[:, piece]).sum(dim=1)
        slopes = torch.autograd.grad(part.sum(), list(leaves.values()))
        found = [a.add_(b) for a, b in zip(found, slopes, strict=True)] if start else [*slopes]
        means += part.detach()
    counts = torch.tensor([len(batch.labels) for batch in batches], device=inputs.device)
    return means * counts, dict(zip(leaves, found, strict=True))


def _padded(batches: Sequence[Shard]) -> tuple[Tensor, Tensor, Tensor]:
    """Stack batches of unequal size; what is padded weighs nothing."""
    longest = max(len(batch.labels) for batch in batches)
    inputs = batches[0].inputs.new_zeros((len(batches), longest, *batches[0].inputs.shape[1:]))
    labels = batches[0].labels.new_zeros((len(batches), longest))
    shares = torch.zeros((len(batches), longest), device=inputs.device)
    for row, batch in enumerate(batches):
        count = len(batch.labels)
        inputs[row, :count] = batch.inputs
        labels[row, :count] = batch.labels
        shares[row, :count] = 1.0 / count
    return inputs, labels, shares


def _clip(gradients: Stacked, most: float) -> None:
    """Scale down each client's gradient to a norm, as ``clip_grad_norm_`` does for one."""
    parts = [tensor.flatten(1).square().sum(dim=1) for tensor in gradients.values()]
    factors = (most / (torch.stack(parts).sum(dim=0).sqrt() + 1e-6)).clamp(max=1.0)
    for tensor in gradients.values():
        tensor.mul_(factors.view(-1, *[1] * (tensor.dim() - 1)))


def _descend(
    values: Stacked,
    gradients: Stacked,
    momenta: Stacked,
    rates: Tensor,
    settings: TrainSettings,
) -> None:
    """Take one step of SGD with weight decay and momentum, each row at its own rate."""
    for name, value in values.items():
        gradient, momentum = gradients[name], momenta[name]
        gradient.add_(value, alpha=settings.weight_decay)
        momentum.mul_(settings.momentum).add_(gradient)
        value.addcmul_(momentum, rates.view(-1, *[1] * (value.dim() - 1)), value=-1.0)
