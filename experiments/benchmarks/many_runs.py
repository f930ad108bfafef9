"""Many runs: what a sweep adds to them, how soon a picture of them is there, what a row costs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch

from attacks.base import Setting
from experiments.benchmarks.made_up_runs import VOTERS, write_run
from experiments.benchmarks.row import Row, cpu_seconds
from experiments.config import from_flat
from experiments.records import RunDirectory
from experiments.rounds.vote_record import VoteRecorder
from experiments.sweep.grid import Point
from experiments.sweep.job import prepare
from experiments.sweep.sweep import Progress, sweep
from frl import models
from frl.cores import usable_cores
from frl.exchange.forms import Whole
from frl.models import DataShape
from frl.one_thread import one_thread
from frl.task import Task
from frl.training.ranks import RankTrainer, Shard, fit
from frl.training.settings import TrainSettings
from strategies.vote import Vote

NAMES = ("sweep-overhead", "plot-100-runs", "vote-record")
_EACH, _ROUNDS = 4, 60
_RUNS, _ROWS = 100, 200
_EXAMPLES, _REPEATS = 60, 3


def measure(name: str) -> Row:
    """Measure one row on embedded or made-up data."""
    return {
        "sweep-overhead": _overhead,
        "plot-100-runs": _picture,
        "vote-record": _record,
    }[name](name)


def _overhead(name: str) -> Row:
    """Run as many points on each core, alike, so that none is idle at the end for want of work.

    The time of a run is what its own process measures, which begins when everything is imported:
    imports, start and end of processes, and the table of a sweep are all on the sweep's side.
    """
    figure = "wall clock of a sweep / time of its runs over the cores"
    count = _EACH * usable_cores()
    with TemporaryDirectory() as folder:
        points = [
            Point(
                number,
                str(number),
                from_flat({"rounds": _ROUNDS, "seed": number}),
                RunDirectory(Path(folder) / str(number)),
            )
            for number in range(count)
        ]
        spent: dict[str, float] = {}

        def watch(change: Progress | None) -> None:
            if change is not None and change.state == "done":
                spent[change.point.name] = change.seconds

        begun, own = time.perf_counter(), os.times()
        prepare()
        for outcome in sweep(points, watch=watch):
            if outcome.result is None:
                return Row(name, figure, None, 1.05, "lower", {"not_measured": outcome.error})
        wall, after = time.perf_counter() - begun, os.times()
    share = sum(spent.values()) / usable_cores()
    return Row(
        name,
        figure,
        wall / share,
        1.05,
        "lower",
        {
            "wall_s": wall,
            "runs_s_over_cores": share,
            "own_processor_s": sum(after[:2]) - sum(own[:2]),
            "runs": count,
        },
    )


def _picture(name: str) -> Row:
    """Draw runs with complete rows in a new process, imports included."""
    with TemporaryDirectory() as folder:
        for number in range(_RUNS):
            write_run(Path(folder) / f"run-{number:03d}", number, _ROWS)
        picture = Path(folder) / "picture.png"
        command = [sys.executable, "-m", "experiments.cli", "plot", folder, "-o", str(picture)]
        spent = []
        before = os.times()
        for _ in range(_REPEATS):
            begun = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603
            spent.append(time.perf_counter() - begun)
        after = os.times()
    processor = (after.children_user - before.children_user) / _REPEATS
    figure = f"frl plot of {_RUNS} runs of {_ROWS} rounds: seconds, imports included"
    return Row(name, figure, median(spent), 5.0, "lower", {"processor_s": processor})


def _record(name: str) -> Row:
    """Compare with the local training of a round's clients: LeNet, one thread, processor time."""
    module = models.make("lenet", DataShape((1, 28, 28), 10))
    trainer = RankTrainer(module, TrainSettings(), seed=0, keep=0.5, mask_by="score")
    shard = Shard(torch.randn(_EXAMPLES, 1, 28, 28), torch.randint(0, 10, (_EXAMPLES,)))
    rng = np.random.default_rng(0)
    vote = Vote(trainer.initial)
    for _ in range(VOTERS):
        vote.add({n: rng.permutation(a.size).astype(np.int32) for n, a in trainer.initial.items()})
    after = vote.result()
    setting = Setting(seed=0, round=1, clients_per_round=VOTERS, classes=10)
    layers = {layer: ranks.size for layer, ranks in after.items()}
    describe = VoteRecorder(setting, Whole(), layers)
    with one_thread():
        client = median(
            cpu_seconds(lambda: fit(trainer.module, shard, trainer.settings, Task(1, 0, 0)))
            for _ in range(_REPEATS)
        )
        record = median(
            cpu_seconds(lambda: describe(trainer.initial, after, vote, full=False))
            for _ in range(_REPEATS)
        )
    figure = f"churn and agreement of a vote / local training of its {VOTERS} clients, LeNet"
    details: dict[str, float | str] = {"record_s": record, "client_s": client}
    return Row(name, figure, record / (VOTERS * client), 0.01, "lower", details)
