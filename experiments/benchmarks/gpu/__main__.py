"""``make gpu``: does a GPU give the same, how fast is it, and how far does CIFAR-10 get."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import torch

from experiments.benchmarks import print_rows
from experiments.benchmarks.cohort import on_device
from experiments.benchmarks.gpu.equality import alike, exact
from experiments.benchmarks.gpu.findings import Findings
from experiments.benchmarks.gpu.selection_times import selection_times
from experiments.benchmarks.gpu.timed_run import run_until
from experiments.benchmarks.share import data_folder
from experiments.config import Config, read
from experiments.config.environment import be_quiet
from frl.errors import InputError
from frl.one_thread import one_thread

_NO_DEVICE = (
    "make gpu: no CUDA device that torch can use (torch {}); "
    "--device cpu tries the same at small sizes"
)


class _Plan(NamedTuple):
    """What is measured on a kind of device."""

    models: tuple[str, ...]
    clients: int
    repeats: int
    run: str
    config: Path | None
    overrides: tuple[str, ...]


_PLANS = {
    "cuda": _Plan(
        ("lenet", "conv8"),
        25,
        3,
        "CIFAR-10, Conv8, 7 coats, 25 of 1,000 clients a round, seed 0",
        Path("cifar10_conv8"),
        ("engine.name=inprocess", "engine.device=cuda", "strategy.coats=7", "eval_every=5"),
    ),
    "cpu": _Plan(
        ("conv2",),
        3,
        1,
        "digits, conv2, 7 coats: a trial of the command, not a result",
        None,
        ("rounds=2", "clients_per_round=3", "train.epochs=1", "strategy.coats=7", "eval_every=1"),
    ),
}


def main(
    arguments: Sequence[str] | None = None, clock: Callable[[], float] = time.monotonic
) -> int:
    """Measure within the minutes, write, print; 1 if something is not the same, 2 without device.

    Checks and speed come first, and what is left of the time goes to the run.
    """
    parser = argparse.ArgumentParser(prog="make gpu", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="for everything")
    parser.add_argument("--out", type=Path, default=Path("runs/gpu"), help="folder of the figures")
    parser.add_argument("--device", choices=tuple(_PLANS), default="cuda")
    given = parser.parse_args(arguments)
    if given.device == "cuda" and not torch.cuda.is_available():
        sys.stderr.write(_NO_DEVICE.format(torch.__version__) + "\n")
        return 2
    end = clock() + 60.0 * float(given.minutes)
    plan, device = _PLANS[given.device], given.device
    named = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    found = Findings(f"{named}, torch {torch.__version__}", plan.run)

    def left() -> float:
        return end - clock()

    with one_thread() if device == "cpu" else nullcontext():
        for part in (_check, _time):
            for model in plan.models:
                if left() > 0:
                    part(plan, model, device, found)
                    found.write(given.out)
    found.note = _play(_config(plan), given.out / "run", left, found)
    found.write(given.out)
    print_rows(found.figures)
    sys.stdout.write(f"{given.out / 'figures.md'}: {plan.run}: {found.told}\n")
    return int(any(not row.met for row in found.checks))


def _check(plan: _Plan, model: str, device: str, found: Findings) -> None:
    found.checks.append(exact(model, device))
    found.checks.extend(alike(model, device, plan.clients))


def _time(plan: _Plan, model: str, device: str, found: Findings) -> None:
    name = f"cohort-{device}-{model}"
    found.speeds.append(on_device(name, model, device, plan.clients, plan.repeats))
    found.selections.extend(selection_times(model, device, plan.clients))


def _config(plan: _Plan) -> Config:
    folder = data_folder("cifar10") if plan.config else ""
    return read(plan.config, [*plan.overrides, *([f"data.path={folder}"] if folder else ())])


def _play(config: Config, folder: Path, left: Callable[[], float], found: Findings) -> str:
    """Play rounds while there is time, and say how that ended."""
    if left() <= 0:
        return "Not run: the minutes were over."
    try:
        found.rounds = run_until(config, folder, left)
    except InputError as error:
        return f"Not run: {error}"
    if len(found.rounds) == config.rounds:
        return "Finished."
    return f"Stopped when the minutes were over; the same command or `frl resume {folder}` goes on."


if __name__ == "__main__":
    be_quiet()
    sys.exit(main())
