"""Local training: a step by edge-popup over plain SGD, and one of several coats over one coat."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import torch

from experiments.benchmarks.row import Row, cpu_seconds
from frl import models
from frl.models import DataShape
from frl.one_thread import one_thread
from frl.task import Task
from frl.training.ranks import RankTrainer, Shard, fit
from frl.training.settings import TrainSettings

_BATCH = 8
_REPEATS = 9
_GREY, _COLOUR = DataShape((1, 28, 28), 10), DataShape((3, 32, 32), 10)
_CHARACTERS = DataShape((80,), 65)
_TASK = Task(1, 0, 0)
_SETTINGS = TrainSettings(epochs=1, batch_size=_BATCH)


class _Case(NamedTuple):
    model: str
    shape: DataShape
    steps: int
    bar: float
    coats: int = 0
    """Coats of what is measured; 0: it is one coat, over plain SGD."""


_CASES = {
    "step-lenet": _Case("lenet", _GREY, 24, 1.3),
    "step-conv8": _Case("conv8", _COLOUR, 6, 1.1),
    "step-resnet18": _Case("resnet18", _COLOUR, 3, 1.15),
    "step-transformer": _Case("char_transformer", _CHARACTERS, 24, 1.3),
    "step-coats-4-lenet": _Case("lenet", _GREY, 24, 1.1, 4),
    "step-coats-7-lenet": _Case("lenet", _GREY, 24, 1.1, 7),
    "step-coats-4-conv8": _Case("conv8", _COLOUR, 6, 1.1, 4),
    "step-coats-7-conv8": _Case("conv8", _COLOUR, 6, 1.1, 7),
}


def measure(name: str) -> Row:
    """Measure one model, the two kinds of step in turn, one thread, processor time."""
    case = _CASES[name]
    drawn = torch.Generator().manual_seed(0)
    shard = _shard(case, drawn)
    ours = _ranks(case, shard, max(1, case.coats))
    other = _ranks(case, shard, 1) if case.coats else _weights(case, shard)
    times: list[tuple[float, float]] = []
    with one_thread():
        for repeat in range(_REPEATS + 1):
            pair = ours() / case.steps, other() / case.steps
            if repeat:
                times.append(pair)
    told = f"{case.coats} coats / 1 coat" if case.coats else "edge-popup / plain SGD"
    names = ("coats_ms", "one_coat_ms") if case.coats else ("edge_popup_ms", "plain_sgd_ms")
    return Row(
        name,
        f"{case.model} step, batch {_BATCH}: {told}",
        median(mine / its for mine, its in times),
        case.bar,
        "lower",
        {
            key: 1e3 * median(column)
            for key, column in zip(names, zip(*times, strict=True), strict=True)
        },
    )


def _shard(case: _Case, drawn: torch.Generator) -> Shard:
    """Return random images, or random characters for a model that takes rows of them."""
    count = _BATCH * case.steps
    size, classes = (count, *case.shape.example), case.shape.classes
    inputs = (
        torch.randn(size, generator=drawn)
        if len(case.shape.example) == 3
        else torch.randint(0, classes, size, generator=drawn)
    )
    return Shard(inputs, torch.randint(0, classes, (count,), generator=drawn))


def _ranks(case: _Case, shard: Shard, coats: int) -> Callable[[], float]:
    """Return what trains by ranks and says how long it took."""
    module = models.make(case.model, case.shape)
    trainer = RankTrainer(module, _SETTINGS, seed=0, keep=0.5, mask_by="score", coats=coats)

    def seconds() -> float:
        trainer.load(trainer.initial)
        return cpu_seconds(lambda: fit(trainer.module, shard, _SETTINGS, _TASK))

    return seconds


def _weights(case: _Case, shard: Shard) -> Callable[[], float]:
    plain = models.make(case.model, case.shape)
    gentle = _SETTINGS._replace(lr=0.01)
    return lambda: cpu_seconds(lambda: fit(plain, shard, gentle, _TASK))


NAMES = tuple(_CASES)
