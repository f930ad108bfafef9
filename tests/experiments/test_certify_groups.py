"""frl certify --groups, on the runs of three groups of clients."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from experiments.analysis.grouped_runs import vote_of_groups
from experiments.config import read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.setup import Setup
from frl.errors import InputError
from tests.experiments.test_certify import command

GROUPS, CLIENTS = 3, 12
SMALL = [
    *("rounds=1", f"clients={CLIENTS}", "clients_per_round=4", "train.epochs=1", "model.name=mlp"),
    *("attack.name=rank_noise", "attack.fraction=0.08", f"groups={GROUPS}"),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("groups")
    for group in range(GROUPS):
        execute(read(None, [*SMALL, f"group={group}"]), RunDirectory(folder / f"{group}"))
    return [folder / f"{group}" for group in range(GROUPS)]


def test_each_client_takes_part_in_one_run_malicious_ones_too(runs: list[Path]) -> None:
    rows = [RunDirectory(run).rows()[0] for run in runs]
    results = [RunDirectory(run).result() or {} for run in runs]

    assert sorted(client for row in rows for client in row["sampled"]) == list(range(CLIENTS))
    assert sorted(result["malicious"] for result in results) == [0, 0, 1]
    assert [len(row["malicious"]) for row in rows] == [result["malicious"] for result in results]


def test_malicious_clients_change_no_other_group(runs: list[Path], tmp_path: Path) -> None:
    results = [RunDirectory(run).result() or {} for run in runs]
    spared = next(group for group, result in enumerate(results) if not result["malicious"])
    alone = [*SMALL, f"group={spared}", "attack.name=none", "attack.fraction=0"]

    result = execute(read(None, alone), RunDirectory(tmp_path / "run"))

    assert result["digest"] == results[spared]["digest"]


def test_groups_begin_with_one_network_and_draw_the_same_shards(runs: list[Path]) -> None:
    first, second = (Setup(RunDirectory(run).config()) for run in runs[:2])

    for layer, values in first.trainer.initial.items():
        np.testing.assert_array_equal(values, second.trainer.initial[layer])
    assert all(
        np.array_equal(first.partition.of(client), second.partition.of(client))
        for client in range(CLIENTS)
    )


def test_the_majority_of_the_models_is_certified(runs: list[Path]) -> None:
    found = vote_of_groups([runs[2], runs[0], runs[1]])

    results = [RunDirectory(run).result() or {} for run in runs]
    assert found.alone == pytest.approx([result["accuracy"] for result in results])
    assert found.malicious == [result["malicious"] for result in results]
    setup = Setup(RunDirectory(runs[0]).config())
    kept = [RunDirectory(run).checkpoint() for run in runs]
    votes = [setup.evaluator.predictions(each.state).tolist() for each in kept if each]
    truth = setup.data.test.labels.tolist()
    most = [
        min(Counter(three), key=lambda y: (-three.count(y), y))
        for three in zip(*votes, strict=True)
    ]
    agreed = [y for *three, y in zip(*votes, truth, strict=True) if set(three) == {y}]
    assert found.certified[:2].tolist() == [
        np.mean(np.array(most) == truth),
        len(agreed) / len(truth),
    ]
    assert found.certified[-1] == 0


def test_runs_that_stopped_on_the_way_are_refused(runs: list[Path], tmp_path: Path) -> None:
    copies = [Path(shutil.copytree(run, tmp_path / run.name)) for run in runs]
    for copy in copies:
        RunDirectory(copy).extend(2)

    with pytest.raises(InputError, match=r"0 has not ended: frl resume"):
        vote_of_groups(copies)


def test_the_command_prints_a_table_or_json_and_draws(
    runs: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names, picture = [str(run) for run in runs], tmp_path / "groups.svg"

    assert command(monkeypatch, "--groups", *names) == 0
    table = capsys.readouterr().out
    assert command(monkeypatch, "--groups", *names, "--json", "-o", str(picture)) == 0
    told = json.loads(capsys.readouterr().out)

    assert max(map(len, table.splitlines())) <= 80
    assert f"{100 * told['accuracy']:.1f}" in table
    assert told["certified"][0] == told["accuracy"] >= told["certified"][1]
    assert sum(told["malicious_in_groups"]) == 1
    assert f"{CLIENTS} clients in {GROUPS} groups" in picture.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--groups"], "takes the run directories of all groups"),
        (["--groups", "0", "1", "2", "--round", "1"], "takes the run directories of all groups"),
        (["--groups", "0", "1", "2", "--bounds"], "takes the run directories of all groups"),
        (["--groups", "0", "2"], "got 2; takes a run of each of 3 groups, lacks 1"),
        (["--groups", "0", "1", "again"], "again and 1 are runs of the same group 1"),
        (["--groups", "0", "1", "lr"], "lr is of another federation than 0: train.lr was 0.4"),
        (["--groups", "0", "1", "longer"], "longer is of another federation than 0: rounds was 1"),
        (["--groups", "0", "1", "stopped"], "stopped has not ended"),
        (["--groups", "all"], "all is no run of a group of clients: its groups = 1"),
        (["--groups", "nowhere"], "nowhere is no run directory"),
        (["0", "1", "2"], "takes a run directory, or --bounds and none"),
    ],
)
def test_what_is_no_federation_in_groups_is_refused_in_one_line(
    arguments: list[str],
    message: str,
    runs: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(runs[0].parent)
    others = {
        "again": ["group=1"],
        "lr": ["group=2", "train.lr=0.3"],
        "longer": ["group=2", "rounds=2"],
        "stopped": ["group=2"],
        "all": ["groups=1"],
    }
    for name in others.keys() & set(arguments):
        with RunDirectory(Path(name)).create(read(None, [*SMALL, *others[name]])):
            pass

    status = command(monkeypatch, *arguments)

    said = capsys.readouterr().err
    assert status == 2
    assert said.count("\n") == 1
    assert message in said
