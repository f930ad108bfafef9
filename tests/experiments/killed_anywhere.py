"""Run, die at the k-th system call that writes, resume: for every k; prints a JSON report.

Everything is imported and loaded once; each run is a fork. A write also dies half-way. The run has
a rule, an attack and clients that remember between rounds.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from experiments.config import read
from experiments.config.environment import be_quiet
from experiments.records import RunDirectory
from experiments.rounds.loop import execute

CALLS = ("open", "write", "replace", "mkdir", "unlink")
"""What changes a file system as others see it; a flush does not."""
KILLED = 9
HARD = [
    "clients=4",
    "clients_per_round=2",
    "train.epochs=1",
    "train.batch_size=32",
    "data.partition=virtual",
    "data.samples=32",
    "model.name=mlp",
    "strategy.name=fedavg",
    "strategy.rule=centered_clipping",
    "strategy.upload_top=0.5",
    "attack.name=mimic",
    "attack.fraction=0.5",
]


def forked(work: Callable[[], None]) -> int:
    """Do something in a fork and return its exit status."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_at(k: int) -> None:
    """Make the k-th system call of ours that writes the last."""
    left = k

    def deadly(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            caller = sys._getframe(1).f_globals["__name__"]
            if not caller.startswith(("experiments.", "pathlib", "tempfile")):
                return real(*arguments, **options)
            if name == "open" and not arguments[1] & os.O_CREAT:
                return real(*arguments, **options)
            left -= 1
            if left == 0:
                os._exit(KILLED)
            if name == "write":
                left -= 1
                if left == 0:
                    real(arguments[0], arguments[1][: len(arguments[1]) // 2])
                    os._exit(KILLED)
            return real(*arguments, **options)

        return call

    for name in CALLS:
        setattr(os, name, deadly(name, getattr(os, name)))
    os.fsync = lambda descriptor: None


def outcome(folder: Path) -> tuple[Any, Any]:
    directory = RunDirectory(folder)
    result = directory.result() or {}
    rows = [{k: v for k, v in row.items() if not k.endswith("seconds")} for row in directory.rows()]
    return result.get("digest"), rows


def main(folder: Path) -> None:
    """Kill at every k until a run gets through."""
    be_quiet()
    torch.set_num_threads(1)
    config = read(None, [*HARD, "rounds=3"])

    def run(path: Path, k: int = 0) -> None:
        if k:
            die_at(k)
        execute(config, RunDirectory(path))

    def carry_on(path: Path) -> None:
        execute(config, RunDirectory(path), resume=RunDirectory(path).begun())

    run(folder / "reference")
    expected = outcome(folder / "reference")
    k, wrong, left_over = 0, [], []
    while True:
        k += 1
        path = folder / str(k)
        status = forked(lambda: run(path, k))  # noqa: B023
        if status == 0:
            break
        resumed = forked(lambda: carry_on(path))  # noqa: B023
        if status != KILLED or resumed != 0 or outcome(path) != expected:
            wrong.append(k)
        left_over += [str(found) for found in path.rglob(".unfinished*")]
    report = {"kills": k - 1, "wrong": wrong, "left_over": left_over}
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
