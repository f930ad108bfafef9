"""The peak memory of a process that trains a client by ranks, over one of plain SGD."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import median

import torch

from experiments.benchmarks.row import Row
from frl import models
from frl.models import DataShape
from frl.one_thread import one_thread
from frl.task import Task
from frl.training.ranks import RankTrainer, Shard, fit
from frl.training.settings import TrainSettings

NAMES = ("worker-memory",)
_SHAPE, _EXAMPLES, _REPEATS = DataShape((3, 32, 32), 10), 16, 3
_SETTINGS = TrainSettings(epochs=1, batch_size=8, lr=0.01)
_WAYS = ("ranks", "weights")


def measure(name: str) -> Row:
    """Measure both ways in processes of their own, in turn, less what imports took."""
    peaks: dict[str, list[float]] = {way: [] for way in _WAYS}
    details: dict[str, float | str] = {}
    for _ in range(_REPEATS):
        for way in _WAYS:
            command = [sys.executable, "-m", "experiments.benchmarks.worker_memory", way]
            done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
            found = json.loads(done.stdout.strip().splitlines()[-1])
            peaks[way].append(found["peak_mb"] - found["imports_mb"])
            details |= {f"{way}_mb": median(peaks[way]), f"{way}_in_all_mb": found["peak_mb"]}
    ratio = median(peaks["ranks"]) / median(peaks["weights"])
    figure = "peak memory of a client of Conv8, 5 million edges, batch 8: ranks / plain SGD"
    return Row(name, figure, ratio, 1.5, "lower", details)


def _train(way: str) -> None:
    """Build what a worker holds, and train one client."""
    shard = Shard(torch.zeros(_EXAMPLES, *_SHAPE.example), torch.arange(_EXAMPLES) % 10)
    module, task = models.make("conv8", _SHAPE), Task(1, 0, 0)
    if way == "weights":
        fit(module, shard, _SETTINGS, task)
    else:
        trainer = RankTrainer(module, _SETTINGS, seed=0, keep=0.5, mask_by="score")
        trainer.train(trainer.initial, shard, task)


def _megabytes(field: str) -> float:
    """Return a field of the memory of this process: ``VmRSS`` now, ``VmHWM`` at most."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


if __name__ == "__main__":
    imports = _megabytes("VmRSS")
    with one_thread():
        _train(sys.argv[1])
    print(json.dumps({"imports_mb": imports, "peak_mb": _megabytes("VmHWM")}))  # noqa: T201
