"""Whole runs whose workers train several clients at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments.config import read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.setup import resident
from experiments.setup.engine import cohort, make_grid
from frl.cohort import CohortTrainer
from frl.cohort import trainer as cohort_trainer
from frl.errors import InputError

SMALL = ["rounds=3", "clients=12", "clients_per_round=7", "train.epochs=1"]
WAYS = {
    "ranks": [],
    "weights": ["strategy.name=fedavg", "train.lr=0.06"],
    "label flip": ["attack.name=label_flip", "attack.fraction=0.5"],
    "reversal": ["attack.name=reversal", "attack.fraction=0.4"],
    "own reversal": ["attack.name=own_reversal", "attack.fraction=0.5", "strategy.coding=always"],
}


def run(folder: Path, *overrides: str) -> dict[str, Any]:
    return execute(read(None, [*SMALL, *overrides]), RunDirectory(folder))


@pytest.mark.parametrize("way", WAYS)
def test_on_a_cpu_a_cohort_changes_nothing(tmp_path: Path, way: str) -> None:
    alone = run(tmp_path / "alone", *WAYS[way])

    together = run(tmp_path / "together", "engine.cohort=3", *WAYS[way])

    assert together["digest"] == alone["digest"]
    assert together["rejected"] == alone["rejected"] == {}


@pytest.mark.ray
def test_on_ray_a_cohort_changes_nothing(tmp_path: Path) -> None:
    alone = run(tmp_path / "alone")

    together = run(tmp_path / "ray", "engine.cohort=4", "engine.name=ray", "engine.workers=2")

    assert together["digest"] == alone["digest"]


@pytest.fixture
def stacked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Train as on CUDA, here, and note how many clients each batch held."""
    sizes: list[int] = []
    fit = cohort_trainer.fit_together

    def noted(plain: Any, stack: Any, values: Any, shards: Any, *rest: Any) -> Any:
        sizes.append(len(shards))
        return fit(plain, stack, values, shards, *rest)

    monkeypatch.setattr(cohort_trainer, "fit_together", noted)
    monkeypatch.setattr(
        resident, "make_cohort", lambda _, trainer: CohortTrainer(trainer, stacked=True)
    )
    resident._resident.cache_clear()
    yield sizes
    resident._resident.cache_clear()


@pytest.mark.parametrize("way", WAYS)
def test_clients_of_a_run_train_as_one_batch(tmp_path: Path, stacked: list[int], way: str) -> None:
    results = [run(tmp_path / str(turn), "engine.cohort=3", *WAYS[way]) for turn in range(2)]

    assert results[0]["digest"] == results[1]["digest"]
    assert results[0]["rejected"] == {}
    assert set(stacked) <= {2, 3}, "one alone needs no batch"
    assert 3 in stacked


def test_a_stacked_run_learns_like_any_other(tmp_path: Path, stacked: list[int]) -> None:
    result = run(tmp_path / "run", "rounds=8", "engine.cohort=7")

    assert stacked == [7] * 8
    assert result["accuracy"] > 0.75


def test_a_client_that_raises_fails_alone(
    tmp_path: Path, stacked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    of = resident.Resident._split

    def broken(self: Any, task: Any) -> Any:
        if task.client == 3:
            raise OSError("no such shard")
        return of(self, task)

    monkeypatch.setattr(resident.Resident, "_split", broken)
    directory = RunDirectory(tmp_path / "run")

    execute(read(None, [*SMALL, "clients_per_round=12", "engine.cohort=4"]), directory)

    for row in directory.rows():
        assert row["admitted"] == 11
        assert [(client, reason) for client, reason, _ in row["rejections"]] == [(3, "error")]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], 1),
        (["engine.cohort=5"], 5),
        (["engine.device=cuda", "clients_per_round=25"], 25),
        (["engine.device=cuda", "clients_per_round=25", "engine.name=ray", "engine.workers=2"], 13),
        (["engine.device=cuda", "clients=500", "clients_per_round=200"], 64),
        (["engine.device=cuda", "engine.cohort=1"], 1),
    ],
)
def test_how_many_a_worker_is_handed(overrides: list[str], expected: int) -> None:
    assert cohort(read(None, overrides)) == expected


def test_the_engine_hands_out_what_the_configuration_says() -> None:
    with make_grid(read(None, ["engine.cohort=5"])) as grid:
        assert grid.cohort == 5


def test_tf32_is_refused_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'tf32' is for CUDA"):
        run(tmp_path / "run", "engine.precision=tf32")


def test_the_precision_is_that_of_the_run(tmp_path: Path) -> None:
    exact, coarse = run(tmp_path / "exact"), run(tmp_path / "coarse", "engine.precision=bfloat16")

    assert exact["digest"] != coarse["digest"]
    assert coarse["accuracy"] > exact["accuracy"] - 0.15
