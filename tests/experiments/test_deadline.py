"""Whole runs among clients that never answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flwr.app import Message

from experiments.config import Config, flatten, read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from frl.grids import InProcessGrid, LocalGrid, RayGrid, in_process, local, ray_grid
from frl.grids.parcel import Reply
from tests.experiments import failing
from tests.experiments.conftest import Result
from tests.experiments.test_run import SMALL, stable

LATE = "no reply before the deadline"
HURRY = 500.0


class Clock:
    """A clock that moves on only while a client hangs, so that no test waits for it."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class HurriedGrid(RayGrid):
    """A grid that counts the replies it has had, and is ``HURRY`` seconds late after some."""

    came = 0
    patience = 0

    def _read_reply(self, message: Message, reply: Reply) -> Message:
        HurriedGrid.came += 1
        return super()._read_reply(message, reply)

    @classmethod
    def monotonic(cls) -> float:
        return time.monotonic() + (HURRY if cls.came >= cls.patience else 0.0)


@pytest.fixture(params=["inprocess", pytest.param("ray", marks=pytest.mark.ray)])
def engine(
    request: pytest.FixtureRequest, faults: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    if request.param == "ray":
        import ray

        for module in (local, ray_grid):
            monkeypatch.setattr(module, "time", HurriedGrid)
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield request.param
        ray.shutdown()
        return
    clock = Clock()
    for module in (local, in_process, failing):
        monkeypatch.setattr(module, "time", clock)
    yield request.param


def make_grid(engine: str, config: Config) -> LocalGrid:
    if engine == "ray":
        HurriedGrid.came = 0
        return HurriedGrid(failing.app, config.clients, flatten(config), workers=2)
    return InProcessGrid(failing.app, config.clients, flatten(config))


def test_a_client_that_never_answers_is_late_and_the_run_goes_on(
    engine: str,
    tmp_path: Path,
    faults: Path,
    undisturbed: Result,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On Ray only that one, whatever was queued behind it; in-process all that come after it.

    The second time nothing that another worker took over can be cancelled: it runs twice.
    """
    timeout = HURRY if engine == "ray" else 15
    config = read(None, [*SMALL, f"engine.timeout={timeout}", "engine.max_failures=9"])
    asked = [row["sampled"] for row in undisturbed[0].rows()]
    silent = next(client for client in asked[1] if client not in asked[0] + asked[2])
    (faults / f"hang-{silent}").touch()
    HurriedGrid.patience = len(asked[0]) + len(asked[1]) - 1

    found = []
    for name in ("run", "again"):
        directory = RunDirectory(tmp_path / name)
        with make_grid(engine, config) as grid:
            result = execute(config, directory, grid=grid)
        found.append((result, stable(directory.rows())))
        monkeypatch.setattr("ray.cancel", lambda ref: None)

    result, rows = found[0]
    late = [c for c in asked[1] if (c == silent if engine == "ray" else c > silent)]
    assert [row["rejections"] for row in rows] == [[], [[c, "late", LATE] for c in late], []]
    assert [row["admitted"] for row in rows] == [5, 5 - len(late), 5]
    assert result["rejected"] == {"late": len(late)}
    assert len(late) > 0
    assert found[1][1] == rows
    assert found[1][0]["digest"] == result["digest"] != undisturbed[1]["digest"]
