"""Whole runs among failing clients, dying workers and dying nodes."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from experiments.config import Config, flatten, read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.rounds.row import Row
from frl.errors import InputError, StoppedError
from frl.grids import InProcessGrid, RayGrid
from tests.experiments.conftest import Result
from tests.experiments.failing import app
from tests.experiments.test_run import SMALL, stable


def in_process(config: Config) -> InProcessGrid:
    return InProcessGrid(app, config.clients, flatten(config))


def test_a_client_that_raises_is_counted_and_the_run_goes_on(
    tmp_path: Path, faults: Path, undisturbed: Result, caplog: pytest.LogCaptureFixture
) -> None:
    config = read(None, [*SMALL, "engine.max_failures=1"])
    victim = undisturbed[0].rows()[1]["sampled"][0]
    (faults / f"raise-{victim}").touch()

    directory = RunDirectory(tmp_path / "run")
    result = execute(config, directory, grid=in_process(config))

    rows = directory.rows()
    asked = sum(victim in row["sampled"] for row in rows)
    assert result["rejected"] == {"error": asked}
    assert rows[1]["rejections"] == [[victim, "error", f"ValueError: no luck for client {victim}"]]
    assert caplog.text.count("Traceback") == 1
    assert f"client {victim} raised in round" in caplog.text


def test_a_hopeless_run_stops_and_can_be_resumed(
    tmp_path: Path, faults: Path, undisturbed: Result
) -> None:
    config = read(None, [*SMALL, "engine.max_failures=7"])
    directory = RunDirectory(tmp_path / "run")

    def fail(row: Row) -> None:
        assert row.round == 1
        (faults / "raise-all").touch()

    (faults / "raise-all").touch()
    with pytest.raises(StoppedError, match=r"10 client failures .* up to round 2 .*no luck"):
        execute(config, directory, grid=in_process(config))
    assert [row["kept"] != "" for row in directory.rows()] == [True, True]
    start = directory.checkpoint()
    assert start is not None
    (faults / "raise-all").unlink()
    result = execute(config, directory, grid=in_process(config), resume=True)

    assert result["admitted"] == 5
    assert result["rejected"] == {"error": 10}


def test_no_limit_on_failures(tmp_path: Path, faults: Path) -> None:
    config = read(None, [*SMALL, "engine.max_failures=0"])
    (faults / "raise-all").touch()
    directory = RunDirectory(tmp_path / "run")

    with pytest.raises(StoppedError, match="no reply was admitted in any of 3 rounds: 15 error"):
        execute(config, directory, grid=in_process(config))

    checkpoint = directory.checkpoint()
    assert checkpoint is not None
    assert [row["rejected"] for row in directory.rows()] == [{"error": 5}] * 3


@pytest.mark.ray
def test_a_cluster_loses_workers_and_a_node_and_ends_the_same(
    tmp_path: Path, faults: Path, cluster: Any, undisturbed: Result
) -> None:
    """Two nodes; workers killed while they train; then one node killed within a round."""
    config = read(None, [*SMALL, "engine.timeout=600"])
    second = cluster.add_node(num_cpus=1)
    for client in undisturbed[0].rows()[0]["sampled"][:2]:
        (faults / f"die-{client}").touch()
    directory = RunDirectory(tmp_path / "run")
    killers = []

    def lose(row: Row) -> None:
        if row.round == 1:
            killers.append(
                threading.Thread(target=cluster.remove_node, args=(second, False), daemon=True)
            )
            killers[0].start()

    grid = RayGrid(app, config.clients, flatten(config), workers=2, address=cluster.address)
    with grid:
        import ray

        hosts = {actor["NodeID"] for actor in ray.nodes() if actor["Alive"]}
        result = execute(config, directory, grid=grid, watch=lose)
        begun = time.monotonic()
        while len([n for n in ray.nodes() if n["Alive"]]) > 1 and time.monotonic() < begun + 240:
            time.sleep(0.2)
        again = execute(config, RunDirectory(tmp_path / "again"), grid=grid)
        alive = {actor["NodeID"] for actor in ray.nodes() if actor["Alive"]}
    killers[0].join(30)

    assert len(hosts) == 2
    assert len(alive) == 1
    assert list(faults.iterdir()) == []
    assert result["digest"] == again["digest"] == undisturbed[1]["digest"]
    assert stable(directory.rows()) == stable(undisturbed[0].rows())


@pytest.mark.ray
def test_an_address_without_a_cluster_is_one_line() -> None:
    begun = time.monotonic()
    with pytest.raises(InputError, match=r"engine.address: no Ray at '127.0.0.1:1'"):
        RayGrid(app, 3, address="127.0.0.1:1")
    assert time.monotonic() - begun < 60


def test_ray_that_does_not_start_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    def init(*_: Any, **__: Any) -> None:
        raise RuntimeError("Traceback:\n  somewhere\nThe node timed out.  Look at the logs.")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)

    with pytest.raises(StoppedError, match=r"^Ray does not start on this machine: The node timed"):
        RayGrid(app, 3)
