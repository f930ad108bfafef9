"""Figures that must stay level: memory over rounds, data over workers, cost over the population."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, cast

from flwr.app import ArrayRecord, Context, Message
from flwr.clientapp import ClientApp

from experiments.benchmarks.row import Row
from experiments.benchmarks.share import data_folder
from experiments.config import Config, flatten, from_flat
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.setup.engine import make_grid
from experiments.setup.resident import resident
from frl.data.store import cache_folder
from frl.exchange.messages import ARRAYS, Report, read_task, reply_content
from frl.grids import InProcessGrid, RayGrid

NAMES = (
    "reliability-million-startup",
    "reliability-million-round",
    "reliability-memory-growth",
    "reliability-shared-data",
)
SMALL: dict[str, Any] = {"clients_per_round": 10, "train.epochs": 1, "eval_every": 1000}
_FIRST, _LAST, _POINTS = 20, 200, 6
_PAGE = os.sysconf("SC_PAGE_SIZE")

idle = ClientApp()


@idle.train()
def _echo(message: Message, context: Context) -> Message:
    """Fetch this client's examples, train nothing, and reply with the global state."""
    here = resident(context.run_config)
    examples = len(here.partition.of(read_task(message).client))
    record = cast(ArrayRecord, message.content[ARRAYS])
    return Message(reply_content(record, Report(examples, 0.0, 0.0, 0)), reply_to=message)


def measure(name: str) -> Row:
    """Measure one row on the embedded data."""
    return {
        "reliability-million-startup": _startup,
        "reliability-million-round": _round_of_a_million,
        "reliability-memory-growth": _growth,
        "reliability-shared-data": _sharing,
    }[name](name)


def rss(pid: int | str = "self") -> int:
    """Resident bytes of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1]) * _PAGE


def mapped_shares(pid: int, below: Path) -> dict[Path, int]:
    """Bytes of a process in each file below a folder that it maps: its share, and its copies."""
    shares: dict[Path, int] = {}
    path: Path | None = None
    for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            found = Path(words[-1])
            path = found if found.is_relative_to(below) else None
        elif path is not None and words[0] in ("Pss:", "Anonymous:"):
            shares[path] = shares.get(path, 0) + 1024 * int(words[1])
    return shares


def growth(config: Config, first: int, last: int) -> tuple[float, dict[str, float | str]]:
    """Resident memory of driver and workers after round ``last``, over that after ``first``.

    The details hold the curve between them.
    """
    watched = {*range(first, last, max(1, (last - first) // _POINTS)), last}
    seen: dict[int, int] = {}
    with TemporaryDirectory() as folder, make_grid(config) as grid:
        pids: list[int | str] = ["self"]
        if isinstance(grid, RayGrid):
            pids += grid.worker_pids()

        def watch(row: Any) -> None:
            if row.round in watched:
                seen[row.round] = sum(rss(pid) for pid in pids)

        execute(config, RunDirectory(Path(folder) / "run"), grid=grid, watch=watch)
    details: dict[str, float | str] = {
        f"round_{number}_mb": size / 1e6 for number, size in seen.items()
    }
    return seen[last] / seen[first], details


def _startup(name: str) -> Row:
    with TemporaryDirectory() as folder:
        begun = time.perf_counter()
        done: list[float] = []
        execute(
            _population(1_000_000, rounds=2),
            RunDirectory(Path(folder) / "run"),
            watch=lambda row: done.append(time.perf_counter() - begun),
        )
    figure = "1,000,000 clients, 100 a round: seconds until the first round is recorded"
    return Row(name, figure, done[0], 30.0, "lower", {"second_round_s": done[1] - done[0]})


def _round_of_a_million(name: str) -> Row:
    """Compare rounds without training, the two populations in turn."""
    costs: dict[int, list[float]] = {1_000: [], 1_000_000: []}
    for _ in range(3):
        for clients, seconds in costs.items():
            seconds += _cpu_of_rounds(_population(clients, rounds=6))[1:]
    few, many = (median(seconds) for seconds in costs.values())
    figure = "round outside training, 100 clients of 1,000,000 / of 1,000"
    return Row(name, figure, many / few, 1.1, "lower", {"million_s": many, "thousand_s": few})


def _cpu_of_rounds(config: Config) -> list[float]:
    marks = [time.process_time()]
    grid = InProcessGrid(idle, config.clients, flatten(config))
    with TemporaryDirectory() as folder:
        execute(
            config,
            RunDirectory(Path(folder) / "run"),
            grid=grid,
            watch=lambda row: marks.append(time.process_time()),
        )
    return [b - a for a, b in pairwise(marks)]


def _population(clients: int, rounds: int) -> Config:
    many = {"clients": clients, "clients_per_round": 100, "rounds": rounds}
    return from_flat({**SMALL, "data.partition": "virtual", "data.samples": 40, **many})


def _growth(name: str) -> Row:
    ray = {"rounds": _LAST, "engine.name": "ray", "engine.workers": 2}
    ratio, details = growth(from_flat({**SMALL, **ray}), _FIRST, _LAST)
    figure = f"resident memory of driver and 2 workers, round {_LAST} / round {_FIRST}"
    return Row(name, figure, ratio, 1.02, "lower", details)


def _sharing(name: str) -> Row:
    """On MNIST where ``$FRL_DATA_ROOT`` has it, else on the embedded data."""
    data = {"data.name": "mnist", "data.path": data_folder("mnist"), "data.partition": "iid"}
    shape = {"rounds": 2, "clients": 200, "clients_per_round": 40} if data_folder("mnist") else {}
    ray = {"rounds": 2, "engine.name": "ray", "engine.workers": 4}
    config = from_flat({**SMALL, **(data if shape else {}), **ray, **shape})
    with TemporaryDirectory() as folder, make_grid(config) as grid:
        pids = grid.worker_pids() if isinstance(grid, RayGrid) else []
        execute(config, RunDirectory(Path(folder) / "run"), grid=grid)
        shares = [mapped_shares(pid, cache_folder().resolve()) for pid in pids]
    files = {path for share in shares for path in share}
    pages = sum(-(-path.stat().st_size // _PAGE) * _PAGE for path in files)
    held = sum(sum(share.values()) for share in shares)
    figure = "mapped data in the memory of 4 workers (PSS and copies) / size of the files"
    details: dict[str, float | str] = {"held_mb": held / 1e6, "files_mb": pages / 1e6}
    return Row(name, figure, held / pages, 1.0, "lower", details)
