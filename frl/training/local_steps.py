"""The steps of local training: which examples of a shard are seen, when, and at what rate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from frl.randomness import Purpose, generator
from frl.task import Task
from frl.training.forward.passes import Span, batches

if TYPE_CHECKING:
    from frl.training.ranks import Shard
    from frl.training.settings import TrainSettings


class LocalStep(NamedTuple):
    """One step of local training: whether it begins an epoch, its rate, and the shard's rows."""

    first: bool
    rate: float
    rows: NDArray[np.int64]


def local_steps(count: int, settings: TrainSettings, task: Task, least: int = 1) -> list[LocalStep]:
    """Return the steps of one client on ``count`` examples.

    Each pass over the shard is a new permutation; its last batch may be smaller, but one of fewer
    than ``least`` examples joins the batch before. A shard of fewer takes no step.
    """
    if count < max(1, least):
        return []
    passes = _passes(count, settings, task, least)
    if settings.steps:
        taken = islice(chain.from_iterable(passes), settings.steps)
        return [
            LocalStep(first, settings.rate(task.round, number, settings.steps), rows)
            for number, (first, rows) in enumerate(taken)
        ]
    return [
        LocalStep(first, settings.rate(task.round, epoch, settings.epochs), rows)
        for epoch, batch_rows in enumerate(islice(passes, settings.epochs))
        for first, rows in batch_rows
    ]


def _passes(
    count: int, settings: TrainSettings, task: Task, least: int
) -> Iterator[list[tuple[bool, NDArray[np.int64]]]]:
    """Yield the batches of one pass over the shard after another, without end."""
    shuffle = generator(task.seed, Purpose.SHUFFLE, round=task.round, client=task.client)
    while True:
        order = shuffle.permutation(count)
        yield [
            (start == 0, order[start:stop])
            for start, stop in batches(count, settings.batch_size, least)
        ]


def micro_batches(count: int, settings: TrainSettings, least: int = 1) -> list[Span]:
    """Cut the examples of a step into those that go through the network at once.

    A last piece of fewer than ``least`` joins the one before.
    """
    return batches(
        count, max(settings.micro_batch, least) if settings.micro_batch else count, least
    )


def last_pass(steps: Sequence[LocalStep]) -> int:
    """Return how many examples the last pass over the shard saw; at least 1."""
    seen = 0
    for step in steps:
        seen = len(step.rows) + (0 if step.first else seen)
    return max(1, seen)


def rows_of(steps: Sequence[LocalStep], shard: Shard) -> tuple[Tensor, ...]:
    """Return the rows of each step, moved to the shard's device at once."""
    if not steps:
        return ()
    rows = torch.from_numpy(np.concatenate([step.rows for step in steps]))
    return torch.split(rows.to(shard.labels.device), [len(step.rows) for step in steps])
