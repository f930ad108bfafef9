"""Whole runs in which memory runs out: an allocation fails, or the worker is killed for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.config import flatten, read
from experiments.records import RunDirectory
from experiments.run import execute
from frl.grids import InProcessGrid, RayGrid
from tests.experiments.conftest import Result
from tests.experiments.failing import app
from tests.experiments.test_run import SMALL, stable

ROOM = 2_000_000_000
"""Bytes the machine may use on top of what it uses now before Ray kills a worker."""


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
def watched_ray(faults: Path) -> Iterator[None]:
    """Start a Ray that kills workers when the machine uses ``ROOM`` more than now."""
    import ray

    total, available = memory("MemTotal"), memory("MemAvailable")
    assert available > 3 * ROOM, "this test takes 4 GB and leaves 2"
    ray.init(
        "local",
        num_cpus=1,
        include_dashboard=False,
        log_to_driver=False,
        _system_config={
            "memory_usage_threshold": (total - available + ROOM) / total,
            "memory_monitor_refresh_ms": 50,
        },
    )
    yield
    ray.shutdown()


def memory(field: str) -> int:
    for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return 1024 * int(value.split()[0])
    raise LookupError(field)


@pytest.mark.soak
@pytest.mark.ray
def test_a_worker_killed_for_memory(
    watched_ray: None,
    tmp_path: Path,
    faults: Path,
    undisturbed: Result,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A client that swells once is trained again; one that always does is counted as failed."""
    config = read(None, SMALL)
    rows = undisturbed[0].rows()
    once, always = rows[0]["sampled"][1], rows[2]["sampled"][1]
    (faults / f"swell-{once}").touch()
    directory = RunDirectory(tmp_path / "once")
    with RayGrid(app, config.clients, flatten(config), workers=1) as grid:
        result = execute(config, directory, grid=grid)

    assert list(faults.iterdir()) == []
    assert caplog.text.count("its work is done again") == 1
    assert "low on memory" in caplog.text
    assert result["digest"] == undisturbed[1]["digest"]
    assert stable(directory.rows()) == stable(rows)

    (faults / f"swell-always-{always}").touch()
    directory = RunDirectory(tmp_path / "always")
    with RayGrid(app, config.clients, flatten(config), workers=1, attempts=2) as grid:
        result = execute(config, directory, grid=grid)

    asked = sum(always in row["sampled"] for row in rows)
    assert result["rejected"] == {"error": asked}
    assert result["admitted"] == 15 - asked
    assert directory.rows()[2]["rejections"][0][2].startswith("worker died: 1 worker")
