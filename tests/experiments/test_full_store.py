"""Whole runs on a Ray whose object store is full: with a disk to spill to, and without."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Message, MessageType, RecordDict

from experiments.config import Config, read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.rounds.row import Row
from experiments.setup.engine import make_grid
from frl.errors import StoppedError
from frl.grids import RayGrid
from tests.experiments.conftest import Result
from tests.experiments.test_run import SMALL, stable
from tests.frl.clients import app

pytestmark = pytest.mark.ray

RAY = ["engine.name=ray", "engine.workers=2", "engine.timeout=600"]
NO_DISK = {"automatic_object_spilling_enabled": False, "local_fs_capacity_threshold": 1e-6}
STORE = 80_000_000
LINE = r"^Ray's object store (does not take 21\d,\d{3} bytes|is full: the reply of client \d+ ).*$"


@pytest.fixture(scope="module")
def disk(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Start a Ray with a tiny object store; say whether it may use the disk when that is full."""
    import ray

    ray.init(
        "local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=STORE,
        _system_config={} if request.param else NO_DISK,
    )
    yield request.param
    ray.shutdown()


def fill(held: list[Any], least: int) -> None:
    """Put objects into the store until not even one of ``least`` bytes fits."""
    import ray

    size, stored = STORE // 8, 0
    while size >= least and stored < 2 * STORE:
        try:
            held.append(ray.put(np.ones(size, dtype=np.uint8)))
            stored += size
        except ray.exceptions.RayError:
            size //= 2


def wait_for_room(size: int) -> None:
    """Wait until what nobody holds any more has left the store, which Ray does by and by."""
    import ray

    for _ in range(600):
        try:
            ray.put(np.ones(size, dtype=np.uint8))
            return
        except ray.exceptions.RayError:
            time.sleep(0.5)
    pytest.fail("the store stays full")


def run(config: Config, directory: RunDirectory, **options: Any) -> dict[str, Any]:
    with make_grid(config) as grid:
        return execute(config, directory, grid=grid, **options)


@pytest.mark.parametrize("disk", [True, False], indirect=True)
def test_a_store_that_fills_up(disk: bool, tmp_path: Path, undisturbed: Result) -> None:
    """Full after round 1: the run ends the same, or with one line, and is resumed."""
    config, directory = read(None, [*SMALL, *RAY]), RunDirectory(tmp_path / "run")
    held: list[Any] = []

    def crowd(row: Row) -> None:
        fill(held, 1000)

    if disk:
        result = run(config, directory, watch=crowd)
    else:
        with pytest.raises(StoppedError, match=LINE) as stopped:
            run(config, directory, watch=crowd)
        assert "\n" not in str(stopped.value)
        held.clear()
        wait_for_room(STORE // 2)
        result = run(config, directory, resume=True)

    assert result["digest"] == undisturbed[1]["digest"]
    assert stable(directory.rows()) == stable(undisturbed[0].rows())


@pytest.mark.parametrize("disk", [False], indirect=True)
def test_a_reply_that_does_not_fit_is_no_fault_of_the_client(disk: bool) -> None:
    """The message goes in, the reply of half of the store does not."""
    held: list[Any] = []
    with RayGrid(app, 3, {"inflates": STORE // 2}, workers=1) as grid:
        state = ArrayRecord({"positions": Array(np.arange(1000, dtype=np.int32))})
        content = RecordDict({"arrays": state})
        asked = [Message(content, grid.node_of(2), MessageType.TRAIN, group_id="1")]
        fill(held, STORE // 16)

        with pytest.raises(StoppedError, match=r"is full: the reply of client 2 does not fit in"):
            list(grid.send_and_receive(asked, timeout=600))
