"""Local training: a step by edge-popup over the same step of plain SGD on the same module."""

from __future__ import annotations

from statistics import median

import torch

from experiments.benchmarks.row import Row, cpu_seconds
from frl import models
from frl.models import DataShape
from frl.task import Task
from frl.training.one_thread import one_thread
from frl.training.ranks import RankTrainer, Shard, fit
from frl.training.settings import TrainSettings

_BATCH = 8
_CASES = {
    "step-lenet": ("lenet", DataShape((1, 28, 28), 10), 1.6, 24),
    "step-conv8": ("conv8", DataShape((3, 32, 32), 10), 1.3, 6),
}
_REPEATS = 9


def measure(name: str) -> Row:
    """Measure one model, the two kinds of step in turn, one thread, processor time."""
    model, shape, bar, steps = _CASES[name]
    settings = TrainSettings(epochs=1, batch_size=_BATCH)
    trainer = RankTrainer(models.make(model, shape), settings, seed=0, keep=0.5, mask_by="score")
    plain = models.make(model, shape)
    drawn = torch.Generator().manual_seed(0)
    shard = Shard(
        torch.randn(_BATCH * steps, *shape.example, generator=drawn),
        torch.randint(0, shape.classes, (_BATCH * steps,), generator=drawn),
    )
    task = Task(1, 0, 0)
    gentle = settings._replace(lr=0.01)
    masked_times, plain_times = [], []
    with one_thread():
        for repeat in range(_REPEATS + 1):
            trainer.load(trainer.initial)
            masked = cpu_seconds(lambda: fit(trainer.module, shard, settings, task)) / steps
            normal = cpu_seconds(lambda: fit(plain, shard, gentle, task)) / steps
            if repeat:
                masked_times.append(masked)
                plain_times.append(normal)
    ratio = median(m / p for m, p in zip(masked_times, plain_times, strict=True))
    return Row(
        name,
        f"{model} step, batch {_BATCH}: edge-popup / plain SGD",
        ratio,
        bar,
        "lower",
        {
            "edge_popup_ms": 1e3 * median(masked_times),
            "plain_sgd_ms": 1e3 * median(plain_times),
        },
    )


NAMES = tuple(_CASES)
