"""Whole runs in which memory runs out: an allocation fails, or the worker is killed for it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.benchmarks.reliability import rss
from experiments.config import flatten, read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from frl.grids import InProcessGrid, RayGrid
from tests.experiments.conftest import Result
from tests.experiments.failing import app
from tests.experiments.test_run import SMALL, stable

MOST = 1_500_000_000
"""Resident bytes over which a worker is killed; one takes a third of that."""


def test_an_allocation_that_fails_costs_that_reply(
    tmp_path: Path, faults: Path, undisturbed: Result
) -> None:
    config = read(None, SMALL)
    victim = undisturbed[0].rows()[1]["sampled"][0]
    (faults / f"limit-{victim}").touch()
    directory = RunDirectory(tmp_path / "run")

    with InProcessGrid(app, config.clients, flatten(config)) as grid:
        result = execute(config, directory, grid=grid)

    asked = sum(victim in row["sampled"] for row in directory.rows())
    ((client, reason, detail),) = directory.rows()[1]["rejections"]
    assert (client, reason) == (victim, "error")
    assert "memory" in detail
    assert result["rejected"] == {"error": asked}


@pytest.fixture
def killer(faults: Path) -> Iterator[list[int]]:
    """Kill a worker that swells over ``MOST``, as the kernel kills what takes its memory."""
    killed: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            for path in faults.glob("swells-*"):
                pid = int(path.name.partition("-")[2])
                if rss(pid) > MOST:
                    path.unlink()
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield killed
    over.set()
    thread.join()


@pytest.mark.ray
def test_a_worker_killed_for_memory(
    tmp_path: Path,
    faults: Path,
    killer: list[int],
    undisturbed: Result,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A client that swells once is trained again; one that always does is counted as failed."""
    config = read(None, SMALL)
    rows = undisturbed[0].rows()
    once, always = RunDirectory(tmp_path / "once"), RunDirectory(tmp_path / "always")
    greedy = rows[2]["sampled"][1]
    asked = [greedy in row["sampled"] for row in rows].count(True)

    with RayGrid(app, config.clients, flatten(config), workers=2, attempts=2) as grid:
        (faults / f"swell-{rows[0]['sampled'][1]}").touch()
        result = execute(config, once, grid=grid)
        kills, warnings = len(killer), caplog.text.count("its work is done again")
        (faults / f"swell-always-{greedy}").touch()
        failed = execute(config, always, grid=grid)

    assert kills == 1
    assert warnings >= 1
    assert result["digest"] == undisturbed[1]["digest"]
    assert stable(once.rows()) == stable(rows)
    assert len(killer) == 1 + 2 * asked
    assert failed["rejected"] == {"error": asked}
    assert failed["admitted"] == 15 - asked
    ((client, reason, detail),) = always.rows()[2]["rejections"]
    assert (client, reason) == (greedy, "error")
    assert detail.startswith("worker died")
