from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from experiments.config.environment import be_quiet

be_quiet()


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep decoded data of the tests apart from the user's, unless a cache is named."""
    before = os.environ.get("FRL_CACHE")
    folder = Path(before) if before else tmp_path_factory.mktemp("cache")
    os.environ["FRL_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["FRL_CACHE"]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder of the real data sets, named by FRL_DATA_ROOT."""
    root = Path(os.environ.get("FRL_DATA_ROOT", ""))
    if not os.environ.get("FRL_DATA_ROOT") or not (root / "mnist").is_dir():
        pytest.skip("FRL_DATA_ROOT names no folder with mnist and cifar10")
    return root
