"""frl certify, on runs of a few rounds."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments.analysis.certificate_pictures import certified_shares, failure_bounds
from experiments.analysis.certificate_report import print_report, report, share_left, total
from experiments.analysis.certificates import Proof, counts, parts_of, prove
from experiments.analysis.honest_round import repeat_round
from experiments.cli import main
from experiments.config import read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from frl.errors import InputError
from strategies.certificates import Parts
from tests.experiments.mutations import unsealed

RUN = ["rounds=3", "clients=12", "clients_per_round=8", "train.epochs=1", "eval_every=3"]
SHORT = [*RUN, "strategy.rule=sum"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certify") / "run"
    execute(read(None, SHORT), RunDirectory(folder))
    return folder


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["frl", "certify", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("number", [None, 3])
def test_a_round_trained_again_leads_to_the_ranking_on_record(
    finished: Path, number: int | None
) -> None:
    found = repeat_round(RunDirectory(finished), number)

    row = RunDirectory(finished).rows()[found.number - 1]
    assert found.number == (number or 3)
    assert list(found.clients) == row["sampled"]
    assert found.recorded
    assert len(found.sent) == len(found.rankings) == 8


def test_a_rule_that_remembers_is_given_what_it_remembered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = RunDirectory(tmp_path / "run")
    execute(read(None, [*RUN, "strategy.rule=change_vote"]), directory)

    found = repeat_round(directory, 3)

    assert found.recorded
    assert found.server(0).memory
    assert not repeat_round(directory, 3, ["strategy.rule=sum"]).server(0).memory
    print_report(found, prove(found, [1, 2]))
    assert "no proof for single edges under this rule" in capsys.readouterr().out


@pytest.mark.parametrize("number", [1, 4])
def test_a_round_without_a_record_of_its_outcome(finished: Path, number: int) -> None:
    found = repeat_round(RunDirectory(finished), number)

    assert len(found.clients) == 8
    assert not found.recorded


def test_other_votes_than_on_record_are_noticed(finished: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(finished, changed)
    text = (changed / "config.toml").read_text()
    (changed / "config.toml").write_text(text.replace("lr = 0.4", "lr = 0.3"))
    with pytest.raises(InputError, match=r"config.toml was changed since the run began: train.lr"):
        repeat_round(RunDirectory(changed))
    unsealed(changed)

    with pytest.raises(InputError, match="do not lead to the ranking on record"):
        repeat_round(RunDirectory(changed))

    (changed / "config.toml").write_text(text.replace("seed = 0", "seed = 1"))
    with pytest.raises(InputError, match="round 3 on record sampled other clients"):
        repeat_round(RunDirectory(changed))


@pytest.mark.parametrize(
    "settings",
    [
        [],
        ["strategy.mask_by=abs", "strategy.keep=0.3"],
        ["strategy.keep=0.8"],
        ["strategy.mask_by=abs", "strategy.coats=3"],
        ["strategy.ballot_bits=1"],
        ["strategy.ballot_bits=3", "strategy.ballot_focus=2.0", "strategy.down_bits=2"],
        ["strategy.upload_top=0.4", "strategy.unsent=zero"],
        ["strategy.rule=approval"],
        ["strategy.rule=clipped_shift"],
        ["strategy.rule=median_position"],
        ["strategy.rule=trimmed_position", "strategy.f=2"],
        ["strategy.rule=trimmed_position", "strategy.oracle_f=true"],
        ["strategy.rule=distance_filter", "strategy.f=2"],
        ["strategy.rule=krum_position", "strategy.f=1"],
        ["strategy.pre_aggregation=bucketing"],
    ],
    ids=lambda settings: ",".join(settings) or "sum",
)
def test_no_attack_of_the_library_does_more_than_is_certified(
    finished: Path, settings: list[str]
) -> None:
    found = repeat_round(RunDirectory(finished), 3, settings)
    numbers = [0, *counts(found)][:4]

    proofs = prove(found, numbers)

    assert len(proofs) == len(numbers) * 2 * len(found.state)
    for proof in proofs:
        assert proof.moved is not None
        assert proof.moved <= proof.certificate.movable, proof
        assert proof.certificate.pinned <= proof.certificate.edges - proof.moved, proof
    certain = all(proof.certificate.movable == 0 for proof in proofs if not proof.malicious)
    filtered = {"distance_filter", "krum_position", ""} & {found.config.strategy.rule}
    assert certain or filtered or found.config.strategy.pre_aggregation


def test_of_a_copy_that_lags_behind_the_vote_nothing_is_certified(finished: Path) -> None:
    found = repeat_round(
        RunDirectory(finished), 3, ["strategy.down_bits=2", "strategy.down_slack=0.5"]
    )

    assert [proof.certificate.pinned for proof in prove(found, [0])] == [0] * 2 * len(found.state)


def test_the_boundary_attack_is_nearly_all_there_is_against_a_sum(finished: Path) -> None:
    found = repeat_round(RunDirectory(finished))

    added = total(prove(found, [2]), "added", 2)

    assert added.attack == "boundary"
    left = share_left(added)
    assert left is not None
    assert added.certificate.certified <= left <= added.certificate.certified + 0.02


def test_malicious_clients_of_the_run_are_left_out(tmp_path: Path) -> None:
    attacked = ["attack.name=reversal", "attack.fraction=0.4"]
    execute(read(None, [*SHORT, *attacked]), RunDirectory(tmp_path / "run"))

    found = repeat_round(RunDirectory(tmp_path / "run"))

    row = RunDirectory(tmp_path / "run").rows()[2]
    assert list(found.malicious) == row["malicious"] != []
    assert sorted([*found.clients, *found.malicious]) == row["sampled"]
    assert not found.recorded


def test_where_the_mask_lies(finished: Path) -> None:
    by_score = repeat_round(RunDirectory(finished), 1, ["strategy.keep=0.25"])
    by_abs = repeat_round(RunDirectory(finished), 1, ["strategy.mask_by=abs"])
    everything = repeat_round(RunDirectory(finished), 1, ["strategy.keep=1.0"])

    for layer, positions in by_score.state.items():
        n = positions.size
        assert parts_of(by_score, layer) == Parts(0, n // 4)
        scores = by_abs.setting.sorted_scores[layer]
        kept = np.sort(np.argsort(np.abs(scores))[n - n // 2 :])
        low, high = parts_of(by_abs, layer)
        assert kept.tolist() == [*range(low), *range(n - high, n)]
        assert parts_of(everything, layer) == Parts(0, n)
    assert all(proof.certificate.certified == 1 for proof in prove(everything, [3]))


def test_layers_add_up(finished: Path) -> None:
    found = repeat_round(RunDirectory(finished))
    proofs = prove(found, [1, 2])

    told = report(found, proofs)

    for entry in told["total"]:
        rows = [
            row
            for row in told["layers"]
            if (row["how"], row["malicious"]) == (entry["how"], entry["malicious"])
        ]
        for column in ("edges", "pinned", "movable", "moved"):
            assert entry[column] == sum(row[column] for row in rows)
        assert entry["certified"] == 1 - entry["movable"] / entry["edges"]
        assert entry["left"] == 1 - entry["moved"] / entry["edges"]


@pytest.mark.parametrize("numbers", [[1, 2, 4], [2]])
def test_tables_fit_80_columns(
    finished: Path,
    numbers: list[int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    found = repeat_round(RunDirectory(finished))
    proofs = prove(found, numbers)

    print_report(found, proofs)

    table = capsys.readouterr().out
    share = 100 * total(proofs, "replaced", 2).certificate.certified
    assert max(map(len, table.splitlines())) <= 80
    assert f"{share:.1f}" in table
    assert all(layer in table for layer in [*found.state, "all layers"])
    assert "lead to the ranking on record" in table
    assert "nothing certified" not in table


def test_the_command_prints_json_and_draws(
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    picture = tmp_path / "certified.svg"

    status = command(
        monkeypatch, str(finished), "--malicious", "2", "--json", "--no-attack", "-o", str(picture)
    )

    told = json.loads(capsys.readouterr().out)
    assert status == 0
    assert told["round"] == 3
    assert told["found_on_record"] is True
    assert {row["malicious"] for row in told["layers"]} == {2}
    assert all(row["moved"] is None and row["left"] is None for row in told["total"])
    assert "all layers" in picture.read_text()


def test_the_picture_holds_every_layer_and_the_attack(finished: Path, tmp_path: Path) -> None:
    found = repeat_round(RunDirectory(finished))
    proofs = prove(found, [1, 2])

    certified_shares(proofs, tmp_path / "with.svg", "a title")
    certified_shares([p._replace(moved=None) for p in proofs], tmp_path / "without.svg", "a title")

    drawn = (tmp_path / "with.svg").read_text()
    assert all(layer in drawn for layer in found.state)
    assert "left by the strongest attack" in drawn
    assert "left by the strongest attack" not in (tmp_path / "without.svg").read_text()


def test_the_bounds_need_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "--bounds", "-o", str(tmp_path / "bounds.svg")) == 0
    table = capsys.readouterr().out
    assert command(monkeypatch, "--bounds", "--json", "--clients", "10") == 0
    rows = json.loads(capsys.readouterr().out)

    assert max(map(len, table.splitlines())) <= 80
    assert "0.0152" in table
    assert "Cantelli" in (tmp_path / "bounds.svg").read_text()
    assert all(row["exact"] <= row["cantelli"] <= row["half_sqrt"] for row in rows)
    with pytest.raises(InputError, match="takes a file name ending in"):
        failure_bounds(10, tmp_path / "bounds.gif")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "takes a run directory, or --bounds and none"),
        (["RUN", "--bounds"], "takes a run directory, or --bounds and none"),
        (["RUN", "--malicious", "9"], "--malicious: got 9; takes 0 to the 8 honest votes"),
        (["RUN", "--malicious", "-1"], "--malicious: got -1"),
        (["RUN", "--round", "9"], "--round: got 9; RUN keeps the beginning of rounds 1, 3, 4"),
        (["RUN", "-o", "picture.gif"], "takes a file name ending in .png, .pdf, .svg"),
        (["RUN", "--with", "strategy.rule=summ"], "unknown rule 'summ'; did you mean 'sum'"),
        (["RUN", "--with", "strategy.name=fedavg"], "takes a run of strategy.name 'frl'"),
        (["RUN", "--with", "model.name=lenet"], "the checkpoint is of another model than 'lenet'"),
        (["nowhere"], "nowhere is no run directory"),
        (["--bounds", "--clients", "0"], "clients: got 0; takes 1 to 1000"),
    ],
)
def test_bad_input_gets_one_line(
    arguments: list[str],
    message: str,
    finished: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = str(finished)

    status = command(monkeypatch, *(run if word == "RUN" else word for word in arguments))

    said = capsys.readouterr().err
    assert status == 2
    assert said.count("\n") == 1
    assert message.replace("RUN", run) in said


def test_a_damaged_beginning_is_named(finished: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(finished, damaged)
    path = damaged / "checkpoint" / "round-00000002.safetensors"
    path.write_bytes(path.read_bytes()[:-5])

    with pytest.raises(InputError, match=r"round-00000002\.safetensors is damaged"):
        repeat_round(RunDirectory(damaged))


def test_a_proof_says_by_default_that_nothing_was_tried(finished: Path) -> None:
    found = repeat_round(RunDirectory(finished))

    proofs = prove(found, [1], attacked=False)

    assert all(isinstance(p, Proof) and p.moved is None and not p.attack for p in proofs)
    assert share_left(total(proofs, "added", 1)) is None
