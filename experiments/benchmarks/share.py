"""What a round of MNIST LeNet on Ray is spent on: local training, and evaluation beside it."""

from __future__ import annotations

import os
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Literal

from experiments.benchmarks.row import Row
from experiments.config import from_flat
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from frl.errors import InputError

_WORKERS, _ROUNDS = 2, 6
NAMES = ("training-share", "evaluation")


def measure(name: str) -> Row:
    """Run a few rounds; the first, in which workers start, does not count."""
    better: Literal["lower", "higher"]
    if name == "evaluation":
        figure = "evaluation of MNIST's 10,000 test images / round of 25 clients, 2 Ray workers"
        bar, better, eval_every = 0.5, "lower", 1
    else:
        figure = "MNIST LeNet round, 25 clients, 2 Ray workers: optimisation steps / worker time"
        bar, better, eval_every = 0.85, "higher", _ROUNDS
    try:
        rows = _rounds(eval_every)
    except InputError as error:
        return Row(name, figure, None, bar, better, {"not_measured": str(error)})
    seconds = median(row["seconds"] for row in rows)
    if name == "evaluation":
        ratio = median(row["eval_seconds"] / row["seconds"] for row in rows)
        evaluation = median(row["eval_seconds"] for row in rows)
        return Row(
            name, figure, ratio, bar, better, {"round_s": seconds, "evaluation_s": evaluation}
        )
    share = median(row["train_seconds"] / (_WORKERS * row["seconds"]) for row in rows)
    training = median(row["train_seconds"] for row in rows)
    details = {"round_s": seconds, "training_s_all_workers": training}
    return Row(name, figure, share, bar, better, details)


def _rounds(eval_every: int) -> list[dict[str, Any]]:
    config = from_flat(
        {
            "rounds": _ROUNDS,
            "clients": 1000,
            "clients_per_round": 25,
            "eval_every": eval_every,
            "data.name": "mnist",
            "data.path": data_folder("mnist"),
            "model.name": "lenet",
            "strategy.rule": "sum",
            "engine.name": "ray",
            "engine.workers": _WORKERS,
        }
    )
    with TemporaryDirectory() as folder:
        directory = RunDirectory(Path(folder))
        execute(config, directory)
        return directory.rows()[1:]


def data_folder(name: str) -> str:
    """Return ``$FRL_DATA_ROOT/NAME`` where that is a folder, else nothing: the hub is asked."""
    folder = Path(os.environ.get("FRL_DATA_ROOT", "")) / name
    return str(folder) if os.environ.get("FRL_DATA_ROOT") and folder.is_dir() else ""
