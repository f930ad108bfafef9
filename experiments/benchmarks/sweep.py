"""What a sweep adds to its runs: its wall clock beside the run time of its processes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from experiments.benchmarks.row import Row
from experiments.config import from_flat
from experiments.job import prepare
from experiments.points import Point
from experiments.records import RunDirectory
from experiments.sweep import Progress, cores, sweep

NAMES = ("sweep-overhead",)
_EACH, _ROUNDS = 4, 60


def measure(name: str) -> Row:
    """Run as many points on each core, alike, so that none is idle at the end for want of work.

    The time of a run is what its own process measures, which begins when everything is imported:
    imports, start and end of processes, and the table of a sweep are all on the sweep's side.
    """
    count = _EACH * cores()
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
                return Row(name, _FIGURE, None, 1.05, "lower", {"not_measured": outcome.error})
        wall, after = time.perf_counter() - begun, os.times()
    share = sum(spent.values()) / cores()
    return Row(
        name,
        _FIGURE,
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


_FIGURE = "wall clock of a sweep / time of its runs over the cores"
