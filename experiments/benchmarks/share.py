"""Where a round's time goes: the share of local training in rounds of MNIST LeNet on Ray."""

from __future__ import annotations

import os
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from experiments.benchmarks.row import Row
from experiments.config import from_flat
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from frl.errors import InputError

_WORKERS, _ROUNDS = 2, 6
NAMES = ("training-share",)


def measure(name: str) -> Row:
    """Run a few rounds; the first, in which workers start, does not count, nor does evaluation."""
    figure = "MNIST LeNet round, 25 clients, 2 Ray workers: optimisation steps / all worker time"
    config = from_flat(
        {
            "rounds": _ROUNDS,
            "clients": 1000,
            "clients_per_round": 25,
            "eval_every": _ROUNDS,
            "data.name": "mnist",
            "data.path": mnist_folder(),
            "model.name": "lenet",
            "engine.name": "ray",
            "engine.workers": _WORKERS,
        }
    )
    with TemporaryDirectory() as folder:
        directory = RunDirectory(Path(folder))
        try:
            execute(config, directory)
        except InputError as error:
            return Row(name, figure, None, 0.85, "higher", {"not_measured": str(error)})
        rows = directory.rows()[1:]
    shares = [row["train_seconds"] / (_WORKERS * row["seconds"]) for row in rows]
    return Row(
        name,
        figure,
        median(shares),
        0.85,
        "higher",
        {
            "round_s": median(row["seconds"] for row in rows),
            "training_s_all_workers": median(row["train_seconds"] for row in rows),
        },
    )


def mnist_folder() -> str:
    """Return ``$FRL_DATA_ROOT/mnist`` where that is a folder, else nothing: the hub is asked."""
    folder = Path(os.environ.get("FRL_DATA_ROOT", "")) / "mnist"
    return str(folder) if os.environ.get("FRL_DATA_ROOT") and folder.is_dir() else ""
