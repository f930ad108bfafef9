"""Whole runs on a Ray whose object store is full: with a disk to spill to, and without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.config import Config, read
from experiments.engines import make_grid
from experiments.records import RunDirectory
from experiments.rounds import Row
from experiments.run import execute
from frl.errors import StoppedError
from tests.experiments.conftest import Result
from tests.experiments.test_run import SMALL, stable

pytestmark = pytest.mark.ray

RAY = ["engine.name=ray", "engine.workers=2", "engine.timeout=120"]
NO_DISK = {"automatic_object_spilling_enabled": False, "local_fs_capacity_threshold": 1e-6}
STORE = 80_000_000
STATE = 212_000
"""Bytes of a global state of the small run, and of a reply."""


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


def run(config: Config, directory: RunDirectory, **options: Any) -> dict[str, Any]:
    with make_grid(config) as grid:
        return execute(config, directory, grid=grid, **options)


def crowd_out(held: list[Any], gap: int) -> None:
    """Fill the store but for room for so many states."""
    import ray

    room = [ray.put(np.ones(STATE, dtype=np.uint8)) for _ in range(gap)]
    fill(held, 1000)
    del room


@pytest.mark.parametrize(("disk", "gap"), [(True, 0), (False, 0), (False, 2)], indirect=["disk"])
def test_a_store_that_fills_up(disk: bool, tmp_path: Path, gap: int, undisturbed: Result) -> None:
    """Full after round 1: either nothing more goes in, or the state does and the replies do not."""
    config, directory = read(None, [*SMALL, *RAY]), RunDirectory(tmp_path / "run")
    held: list[Any] = []

    def crowd(row: Row) -> None:
        crowd_out(held, gap)

    if disk:
        result = run(config, directory, watch=crowd)
    else:
        what = (
            r"does not take 21\d,\d{3} bytes" if gap == 0 else r"is full: the reply of client \d+"
        )
        with pytest.raises(StoppedError, match=rf"^Ray's object store {what}.*$") as stopped:
            run(config, directory, watch=crowd)
        assert "\n" not in str(stopped.value)
        assert len(directory.rows()) == 1
        held.clear()
        result = run(config, directory, resume=True)

    assert result["digest"] == undisturbed[1]["digest"]
    assert stable(directory.rows()) == stable(undisturbed[0].rows())
