"""Attacks and rules through whole runs: what is recorded, and the same digest on every engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import attacks
from attacks.base import Backdoor
from experiments.config import read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.rounds.row import Row
from frl.errors import InputError
from strategies import rules

SMALL = ["rounds=2", "clients=10", "clients_per_round=6", "train.epochs=1", "attack.fraction=0.4"]
CLEAN = "attack.fraction=0"
WEIGHTS = "strategy.name=fedavg"


def start(folder: Path, *overrides: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    directory = RunDirectory(folder)
    result = execute(read(None, [*SMALL, *overrides]), directory)
    return directory.rows(), result


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    import ray

    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def fitting(name: str) -> list[str]:
    """Overrides under which an attack runs on small digits."""
    if name == "dba":
        return ["attack.length=2", "attack.margin=0"]
    return [WEIGHTS] if attacks.get(name).space == "weights" else []


@pytest.mark.parametrize("name", attacks.list())
def test_every_attack_runs_and_is_recorded(name: str, tmp_path: Path) -> None:
    rows, result = start(tmp_path / "run", f"attack.name={name}", *fitting(name))

    malicious = {client for row in rows for client in row["malicious"]}
    assert malicious
    assert all(set(row["malicious"]) <= set(row["sampled"]) for row in rows)
    assert len(malicious) <= 4
    rejected = {"non-finite"} if name == "infinite" else set()
    assert set(result["rejected"]) == rejected
    backdoor = issubclass(attacks.get(name), Backdoor)
    assert (result["attack_success_rate"] is not None) == backdoor


@pytest.mark.parametrize("name", rules.list())
def test_every_rule_runs(name: str, tmp_path: Path) -> None:
    space = [WEIGHTS] if rules.get(name).space == "weights" else []

    rows, result = start(
        tmp_path / "run",
        f"strategy.rule={name}",
        "strategy.f=1",
        "clients_per_round=9",
        CLEAN,
        *space,
    )

    assert [row["kept"] for row in rows] == ["", ""]
    assert result["admitted"] == 18
    takes_f = "f" in {p.name for p in rules.parameters(name)}
    assert rows[0]["f"] == (1 if takes_f else None)


MATRIX = {
    "crafted": ["attack.name=reversal"],
    "stateful attack": [WEIGHTS, "attack.name=mimic"],
    "on the client": ["attack.name=badnets"],
    "others collude": ["attack.name=boundary", "attack.colluders=all"],
    "error feedback": [WEIGHTS, "strategy.upload_top=0.1", "strategy.rule=topk(share=0.1)", CLEAN],
    "stateful rule": [WEIGHTS, "strategy.rule=centered_clipping", "attack.name=alie"],
}


@pytest.mark.ray
@pytest.mark.parametrize("case", ["on the client", "others collude", "stateful attack"])
def test_the_digest_does_not_depend_on_the_engine(case: str, tmp_path: Path, ray: None) -> None:
    overrides = [*MATRIX[case], "clients_per_round=8"]

    _, here = start(tmp_path / "here", *overrides)
    _, there = start(tmp_path / "there", *overrides, "engine.name=ray", "engine.workers=2")

    assert here["digest"] == there["digest"]
    assert here["attack_success_rate"] == there["attack_success_rate"]


class Stop(Exception):
    pass


@pytest.mark.parametrize("case", MATRIX)
def test_a_resumed_run_remembers_everything(case: str, tmp_path: Path) -> None:
    overrides = [*SMALL, *MATRIX[case], "rounds=3", "clients_per_round=8"]
    config = read(None, overrides)
    whole = execute(config, RunDirectory(tmp_path / "whole"))

    def stop(row: Row) -> None:
        raise Stop

    with pytest.raises(Stop):
        execute(config, RunDirectory(tmp_path / "stopped"), watch=stop)
    resumed = execute(config, RunDirectory(tmp_path / "stopped"), resume=True)

    assert resumed["digest"] == whole["digest"]


def test_an_attack_hurts(tmp_path: Path) -> None:
    many = ["rounds=8", "clients=20", "clients_per_round=10", "train.epochs=2"]
    many += ["strategy.rule=sum"]
    _, clean = start(tmp_path / "clean", *many, CLEAN)
    _, hurt = start(tmp_path / "hurt", *many, "attack.name=boundary")

    assert hurt["accuracy"] < clean["accuracy"] - 0.1


def test_fixed_count_takes_the_same_number_each_round(tmp_path: Path) -> None:
    rows, _ = start(tmp_path / "run", "attack.name=reversal", "attack.sampling=fixed_count")

    assert [len(row["malicious"]) for row in rows] == [2, 2]


def test_redraw_keeps_malicious_clients_in_the_minority(tmp_path: Path) -> None:
    many = ["rounds=12", "attack.name=free_rider", "train.epochs=1", "eval_every=12"]
    plain, _ = start(tmp_path / "plain", *many)
    redrawn, _ = start(tmp_path / "redrawn", *many, "attack.redraw=true")

    assert any(2 * len(row["malicious"]) >= 6 for row in plain)
    assert all(2 * len(row["malicious"]) < 6 for row in redrawn)


def test_the_oracle_is_shown_in_the_record(tmp_path: Path) -> None:
    rows, _ = start(
        tmp_path / "run",
        WEIGHTS,
        "strategy.rule=trimmed_mean",
        "strategy.oracle_f=true",
        "attack.name=sign_flip",
    )

    assert [row["f"] for row in rows] == [len(row["malicious"]) for row in rows]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["attack.name=reversel"], "unknown attack 'reversel'; did you mean 'reversal'"),
        (["attack.name=alie"], "'alie' is an attack on weights; strategy.name 'frl' takes one on"),
        (["attack.name=rank_noise", "attack.strenght=1"], "did you mean 'strength'"),
        (["attack.name=rank_noise", "attack.strength=loud"], "got 'loud'"),
        (["attack.scale=3"], "attack.scale: there is no attack to take it"),
        (["attack.name=a, b"], "attack.name: got 'a, b'; takes one attack"),
        (["attack.fraction=1.5"], "attack.fraction: got 1.5; takes less than or equal to 1"),
        (["strategy.rule=krum"], "'krum' is a rule on weights; strategy.name 'frl' takes one on"),
        (["strategy.rule=mediam", WEIGHTS], "unknown rule 'mediam'; did you mean 'median'"),
        (["strategy.rule=krum", WEIGHTS, "strategy.f=5"], "needs at least 13 updates, got 6"),
        (["strategy.pre_aggregation=nmm", WEIGHTS], "unknown pre-aggregation 'nmm'"),
        (["strategy.pre_aggregation=nnm(", WEIGHTS], "strategy.pre_aggregation: got 'nnm('"),
        (["strategy.tau=3"], "unknown parameter of rule 'change_vote' 'tau'"),
        (
            ["attack.name=reversal", "attack.sampling=fixed_count", "attack.colluders=all"],
            "attack.colluders 'all' needs attack.sampling 'uniform'",
        ),
        (["attack.name=accuracy_control", "attack.sampling=fixed_count"], "takes 'uniform'"),
        (["attack.name=dba"], "does not fit images of 8 x 8"),
        (["attack.name=badnets", "attack.target=10"], "attack.target: got 10; the data have"),
        (["attack.redraw=true", "attack.sampling=fixed_count"], "attack.redraw: takes"),
    ],
)
def test_bad_combinations_are_refused_before_anything_is_written(
    overrides: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        start(tmp_path / "run", *overrides)

    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()
