"""A cohort that one worker trains at once, over the same clients one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from statistics import median
from typing import Any

import torch

from experiments.benchmarks.row import Row
from experiments.config.tables import EngineConfig
from experiments.setup.trainer import set_matmul_precision
from frl import models
from frl.cohort import Barrier, CohortTrainer, CudaMemory, membership
from frl.cohort.trainer import Job
from frl.models import DataShape
from frl.one_thread import one_thread
from frl.task import Task
from frl.training.ranks import RankTrainer, Shard
from frl.training.settings import TrainSettings

_SHAPES = {
    "lenet": DataShape((1, 28, 28), 10),
    "conv8": DataShape((3, 32, 32), 10),
    "conv2": DataShape((1, 8, 8), 10),
}
_CUDA_BARS = {"lenet": 8.0, "conv8": 3.0}
_CLIENTS, _EXAMPLES, _REPEATS = 25, 60, 3
_ON_CPU = 4
NAMES = ("cohort-cpu", "cohort-cpu-stacked", "cohort-cuda-lenet", "cohort-cuda-conv8")


def measure(name: str) -> Row:
    """Measure one figure: how many times faster a cohort is than one client after another."""
    place, _, model = name.removeprefix("cohort-").partition("-")
    if place == "cuda":
        return on_device(name, model, place)
    return _on_cpu(name, stacked=model == "stacked")


def _on_cpu(name: str, *, stacked: bool) -> Row:
    with one_thread():
        trainer = trainer_of("lenet", "cpu")
        cohort = CohortTrainer(trainer, stacked=stacked)
        ratio, details = _compare(trainer, cohort, jobs_for(trainer, "lenet", "cpu", _ON_CPU))
    how = "stacked by vmap, which no run does there" if stacked else "as a run trains them"
    figure = f"{_ON_CPU} LeNet clients on a CPU core, {how}: one by one / together"
    return Row(name, figure, ratio, 0.0 if stacked else 0.9, "higher", details)


def on_device(
    name: str, model: str, device: str, clients: int = _CLIENTS, repeats: int = _REPEATS
) -> Row:
    """Measure a stacked cohort on a device; on a CPU it has no bar."""
    where = "one GPU" if device == "cuda" else "a CPU core"
    figure = f"{clients} {model} clients on {where}: one by one / together"
    bar = _CUDA_BARS[model] if device == "cuda" else 0.0
    if device == "cuda" and not torch.cuda.is_available():
        return Row(name, figure, None, bar, "higher", {"why": "not measured: no CUDA device"})
    trainer = trainer_of(model, device)
    memory = CudaMemory(device) if device == "cuda" else None
    cohort = CohortTrainer(trainer, stacked=True, memory=memory)
    jobs = jobs_for(trainer, model, device, clients)
    ratio, details = _compare(trainer, cohort, jobs, repeats)
    named = torch.cuda.get_device_name() if device == "cuda" else device
    return Row(name, figure, ratio, bar, "higher", {"device": named, **details})


def _compare(
    trainer: RankTrainer, cohort: CohortTrainer, jobs: Sequence[Job], repeats: int = _REPEATS
) -> tuple[float, dict[str, float]]:
    """Time both in turn, and return the median ratio and the seconds."""
    alone, together = [], []
    for repeat in range(repeats + 1):
        single = _seconds(lambda: [trainer.train(*job) for job in jobs])
        cohorts = _seconds(lambda: _side_by_side(cohort, jobs))
        if repeat:
            alone.append(single)
            together.append(cohorts)
    ratio = median(one / all for one, all in zip(alone, together, strict=True))
    return ratio, {"one_by_one_s": median(alone), "together_s": median(together)}


def _side_by_side(cohort: CohortTrainer, jobs: Sequence[Job]) -> None:
    barrier: Barrier[Any, Any] = Barrier(len(jobs))

    def run(number: int) -> None:
        torch.set_num_threads(1)
        with membership(barrier, number):
            cohort.train(*jobs[number])

    with ThreadPoolExecutor(len(jobs)) as threads:
        list(threads.map(run, range(len(jobs))))


def trainer_of(model: str, device: str) -> RankTrainer:
    """Return what trains a model as published, its masks those of scores, in float32."""
    set_matmul_precision(EngineConfig(device=device))
    module = models.make(model, _SHAPES[model])
    return RankTrainer(module, TrainSettings(), seed=0, keep=0.5, mask_by="score", device=device)


def jobs_for(
    trainer: RankTrainer,
    model: str,
    device: str,
    clients: int = _CLIENTS,
    sizes: Sequence[int] = (_EXAMPLES,),
) -> list[Job]:
    """Return the work of clients on random examples; their shards have these sizes in turn."""
    shape, drawn = _SHAPES[model], torch.Generator().manual_seed(0)
    return [
        Job(
            trainer.initial,
            Shard(
                torch.randn(count, *shape.example, generator=drawn).to(device),
                torch.randint(0, shape.classes, (count,), generator=drawn).to(device),
            ),
            Task(1, client, 0),
        )
        for client, count in zip(range(clients), cycle(sizes), strict=False)
    ]


def _seconds(work: Callable[[], object]) -> float:
    """Processor time on a CPU, where machines are shared; wall time where a GPU works."""
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    begun = clock()
    work()
    return clock() - begun
