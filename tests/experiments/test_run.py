"""Whole runs on the embedded data: what is recorded, and the same digest wherever they run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.config import Config, read
from experiments.records import RunDirectory, find_runs, load
from experiments.rounds.loop import execute
from experiments.rounds.row import Row
from experiments.setup.engine import make_grid
from frl.errors import InputError
from frl.exchange.messages import digest

SMALL = ["rounds=3", "clients=12", "clients_per_round=5", "train.epochs=1", "eval_every=2"]


def start(folder: Path, *overrides: str) -> tuple[RunDirectory, dict[str, Any]]:
    config = read(None, [*SMALL, *overrides])
    directory = RunDirectory(folder)
    return directory, execute(config, directory)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDirectory, dict[str, Any]]:
    return start(tmp_path_factory.mktemp("runs") / "reference")


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    import ray

    ray.init("local", num_cpus=4, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def stable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without what a clock says."""
    return [{k: v for k, v in row.items() if not k.endswith("seconds")} for row in rows]


def test_the_record_is_complete(reference: tuple[RunDirectory, dict[str, Any]]) -> None:
    directory, result = reference

    rows = directory.rows()

    assert [row["round"] for row in rows] == [1, 2, 3]
    assert [row["accuracy"] is not None for row in rows] == [False, True, True]
    assert set(rows[0]) == set(Row._fields)
    assert all(row["admitted"] == 5 and len(set(row["sampled"])) == 5 for row in rows)
    assert result == directory.result()
    assert result["accuracy"] == rows[-1]["accuracy"]
    assert result["best_accuracy"] == max(row["accuracy"] or 0 for row in rows)
    assert (result["admitted"], result["rejected"]) == (15, {})
    assert result["attack_success_rate"] is None
    assert directory.config().model_dump()["seed"] == 0


def test_bytes_are_those_of_what_was_encoded(
    reference: tuple[RunDirectory, dict[str, Any]],
) -> None:
    """conv2 has four layers and 52,768 edges; an array costs 4 bytes an edge and a header."""
    _, result = reference

    assert result["bytes_up"] == result["bytes_down"]
    assert 0 < result["bytes_up"] - 4 * 52_768 <= 4 * 256


def test_the_digest_is_that_of_the_checkpoint(
    reference: tuple[RunDirectory, dict[str, Any]],
) -> None:
    directory, result = reference

    checkpoint = directory.checkpoint()

    assert checkpoint is not None

    assert checkpoint.round == 3
    assert digest(checkpoint.state) == result["digest"]


def test_a_repeated_run_is_the_same_run(
    tmp_path: Path, reference: tuple[RunDirectory, dict[str, Any]]
) -> None:
    again, result = start(tmp_path / "again")

    assert result["digest"] == reference[1]["digest"]
    assert stable(again.rows()) == stable(reference[0].rows())


def test_another_seed_is_another_run(
    tmp_path: Path, reference: tuple[RunDirectory, dict[str, Any]]
) -> None:
    _, result = start(tmp_path / "other", "seed=1")

    assert result["digest"] != reference[1]["digest"]


@pytest.mark.ray
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_ray_gives_the_same_digest(
    tmp_path: Path, ray: None, reference: tuple[RunDirectory, dict[str, Any]], workers: int
) -> None:
    directory, result = start(tmp_path / "ray", "engine.name=ray", f"engine.workers={workers}")

    assert result["digest"] == reference[1]["digest"]
    assert stable(directory.rows()) == stable(reference[0].rows())


class Stop(Exception):
    pass


@pytest.mark.parametrize("rounds_before", [1, 2])
def test_a_stopped_run_carries_on_to_the_same_end(
    tmp_path: Path, reference: tuple[RunDirectory, dict[str, Any]], rounds_before: int
) -> None:
    config = read(None, SMALL)
    directory = RunDirectory(tmp_path / "stopped")

    def stop(row: Row) -> None:
        if row.round == rounds_before:
            raise Stop

    with pytest.raises(Stop):
        execute(config, directory, watch=stop)
    (directory.path / "rounds.jsonl").open("a").write('{"round": 99, "cut off')

    result = execute(config, directory, resume=True)

    assert result["digest"] == reference[1]["digest"]
    assert stable(directory.rows()) == stable(reference[0].rows())
    without_clock = {k: v for k, v in result.items() if k != "seconds"}
    assert without_clock == {k: v for k, v in reference[1].items() if k != "seconds"}


def test_abs_masks_and_other_partitions_learn_too(tmp_path: Path) -> None:
    for number, overrides in enumerate(
        (["strategy.mask_by=abs"], ["data.partition=shard"], ["data.partition=iid"])
    ):
        _, result = start(tmp_path / str(number), *overrides)
        assert result["accuracy"] > 0.2


def test_empty_shards_take_part(tmp_path: Path) -> None:
    _, result = start(tmp_path / "skewed", "data.alpha=0.01", "clients_per_round=12")

    assert result["admitted"] == 36
    assert result["rejected"] == {}


def test_a_run_directory_is_not_written_over(
    tmp_path: Path, reference: tuple[RunDirectory, dict[str, Any]]
) -> None:
    before = sorted((p.name, p.stat().st_mtime_ns) for p in reference[0].path.iterdir())

    with (
        pytest.raises(InputError, match="holds a run already"),
        reference[0].create(Config()),
    ):
        pass

    assert sorted((p.name, p.stat().st_mtime_ns) for p in reference[0].path.iterdir()) == before


def test_runs_that_begin_at_once_get_a_number_each(tmp_path: Path) -> None:
    directories = [RunDirectory(tmp_path / "runs" / "name", numbered=True) for _ in range(3)]

    for directory in directories:
        with directory.create(Config()):
            pass

    assert [d.path.name for d in directories] == ["name-1", "name-2", "name-3"]


def test_runs_load_as_one_table(reference: tuple[RunDirectory, dict[str, Any]]) -> None:
    parent = reference[0].path.parent

    table = load(parent)

    assert find_runs(parent) == [reference[0].path]
    assert len(table) == 3
    assert table["strategy.keep"].tolist() == [0.5] * 3
    with pytest.raises(InputError, match="no runs in"):
        load(parent / "checkpoint")


def test_results_are_plain_json(reference: tuple[RunDirectory, dict[str, Any]]) -> None:
    text = (reference[0].path / "result.json").read_text()

    assert json.loads(text)["rounds"] == 3


def test_the_device_is_checked_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"engine.device: got 'warp:9'"):
        start(tmp_path / "device", "engine.device=warp:9")


def test_the_engine_gets_the_whole_configuration() -> None:
    with make_grid(read(None, SMALL)) as grid:
        assert grid.run_config["clients"] == 12
        assert len(grid.get_node_ids()) == 12


@pytest.mark.data
def test_real_mnist_learns_in_four_rounds(tmp_path: Path, data_root: Path) -> None:
    overrides = ["data.name=mnist", f"data.path={data_root / 'mnist'}", "rounds=4", "clients=1000"]
    _, result = start(
        tmp_path / "mnist", *overrides, "clients_per_round=10", "train.epochs=2", "eval_every=4"
    )

    assert result["accuracy"] > 0.7
    assert np.isfinite(result["loss"])
