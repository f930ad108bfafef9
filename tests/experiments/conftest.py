"""A small run to compare with, and a folder that says which clients fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments.config import read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from tests.experiments.test_run import SMALL

Result = tuple[RunDirectory, dict[str, Any]]


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the folder that :mod:`tests.experiments.failing` looks into."""
    folder = tmp_path / "faults"
    folder.mkdir()
    monkeypatch.setenv("FRL_FAULTS", str(folder))
    return folder


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Make the small run once, without a fault."""
    directory = RunDirectory(tmp_path_factory.mktemp("runs") / "undisturbed")
    return directory, execute(read(None, SMALL), directory)


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Start a Ray cluster with one core; more nodes can be added."""
    from ray.cluster_utils import Cluster

    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False},
        shutdown_at_exit=False,
    )
    yield made
    made.shutdown()
