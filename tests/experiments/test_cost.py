"""frl cost, and accuracy over bytes."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.analysis.cost import costs, print_costs, report
from experiments.analysis.cost_sample import sample
from experiments.cli import main
from experiments.config import read
from experiments.records import RunDirectory, load
from experiments.report.metrics import exchanged
from experiments.report.plotting import accuracy_curves
from experiments.rounds.loop import execute
from experiments.setup import Setup
from frl import wire
from frl.errors import InputError

CONV8_BYTES = 13_704_264


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cost") / "run"
    settings = ["rounds=3", "clients=12", "clients_per_round=4", "train.epochs=1", "eval_every=2"]
    execute(read(None, settings), RunDirectory(folder))
    return folder


def test_the_table_of_conv8_is_that_of_the_paper_and_fits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    measured = sample("conv8")
    rows = costs(measured)
    print_costs(measured, rows)

    assert not measured.total
    table = capsys.readouterr().out
    by_name = {row.coding: row for row in rows}
    assert measured.source == "made-up rankings"
    assert sum(by_name["fixed"].layers.values()) == CONV8_BYTES
    assert 0 < by_name["fixed"].bytes - CONV8_BYTES <= 64 * 11
    assert by_name["float32"].of_float32 == 1
    bound = by_name["log2(n!), the bound without a base"]
    for name, positions in measured.update.items():
        if positions.size < 3000:
            exact = math.log2(math.factorial(positions.size)) / 8
            assert bound.layers[name] == math.ceil(exact)
    assert max(map(len, table.splitlines())) <= 80
    assert all(row.coding in table and f"{row.bytes:,}" in table for row in rows)


def test_json_holds_every_coding_and_layer(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["frl", "cost", "--run", str(finished), "--json"])
    with pytest.raises(SystemExit) as ended:
        main()

    found = json.loads(capsys.readouterr().out)
    assert ended.value.code == 0
    assert found["model"] == "conv2"
    assert found["edges"] == sum(found["layers"].values()) == 52_768
    assert "after round 3, client" in found["measured_on"]
    assert {tuple(row["layers"]) for row in found["codings"]} == {tuple(found["layers"])}


def test_a_run_is_measured_on_what_its_next_client_would_send(finished: Path) -> None:
    config = read(finished / "config.toml")

    measured = sample(run=finished)

    state = RunDirectory(finished).checkpoint().state
    first = Setup(config).trainer.initial
    assert measured.base.round == 4
    assert measured.first is not None
    for name, positions in state.items():
        np.testing.assert_array_equal(measured.base.state[name], positions)
        np.testing.assert_array_equal(measured.first[name], first[name])
        assert sorted(measured.update[name]) == list(range(positions.size))
        assert (measured.update[name] != positions).any()
    sizes = {row.coding: row.bytes for row in costs(measured)}
    delta = wire.encode(
        measured.update, wire.codings.make("delta"), base=measured.base, rows=measured.rows
    )
    assert sizes["delta"] == len(delta)
    assert sizes["ballot 1 bit"] < sizes["ballot 4 bits"] < sizes["delta"] < sizes["fixed"]


def test_what_cannot_be_measured_is_refused(finished: Path) -> None:
    with pytest.raises(InputError, match="the run is of 'conv2'"):
        sample("lenet", finished)


@pytest.mark.parametrize("method", ["fedavg", "fedmrn", "fedpm", "sign_sgd"])
def test_a_run_that_sends_no_rankings_shows_its_own_messages(
    method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = ["rounds=2", "clients=4", "clients_per_round=2", "train.epochs=1"]
    directory = RunDirectory(tmp_path)
    execute(read(None, [*keys, f"strategy.name={method}", "checkpoint_every=1"]), directory)

    measured = sample(run=tmp_path)
    rows = costs(measured)
    print_costs(measured, rows)

    coding = {
        "fedavg": "float32",
        "fedmrn": "masked-noise",
        "fedpm": "bernoulli",
        "sign_sgd": "signs",
    }[method]
    assert [row.coding for row in rows] == ["float32", f"the run's {coding}"]
    assert rows[1].bytes == measured.total[0].up
    if method == "fedavg":
        assert rows[0].bytes == rows[1].bytes == measured.total[0].down
    else:
        assert rows[1].bytes < rows[0].bytes / 30
    if method in ("fedavg", "fedmrn"):
        assert measured.total[0].down == rows[0].bytes
    else:
        assert measured.total[0].down < rows[0].bytes / 5
    if method in ("fedavg", "fedmrn"):
        assert [(row.rounds, row.down) for row in measured.total] == [
            (1, measured.total[0].down),
            (0, measured.total[0].down),
        ]
    assert "as this run sends it" in capsys.readouterr().out


def test_without_a_history_the_checkpoints_say_what_a_participation_costs(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = sample(run=finished)
    rows = {row.coding: row.bytes for row in costs(measured)}
    print_costs(measured, costs(measured))

    assert [(row.rounds, row.up, row.down) for row in measured.total] == [
        (1, rows["delta"], rows["delta given the round before"]),
        (0, rows["delta"], rows["delta given the first ranking"]),
    ]
    assert "in every round" in capsys.readouterr().out
    assert report(measured, costs(measured))["total"][0]["both"] == measured.total[0].both


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(InputError, match="unknown --model 'lennet'; did you mean 'lenet'"):
        sample("lennet")


def test_a_client_that_saw_the_round_before_is_sent_less(finished: Path) -> None:
    rows = {row.coding: row for row in costs(sample(run=finished)) if row.way == "down"}

    near = [name for name in rows if name.endswith("given the round before")]

    assert len(near) == 7
    for name in near:
        first = name.replace("round before", "first ranking")
        assert rows[name].bytes < rows[first].bytes


def test_bytes_add_up_both_ways_and_run_by_run() -> None:
    rounds = pd.DataFrame(
        {
            "run": ["a", "a", "a", "b", "b"],
            "round": [1, 2, 3, 1, 2],
            "sampled": [[1, 2], [3, 4], [5, 6], [1], [2]],
            "admitted": [2, 1, 2, 1, 0],
            "bytes_up": [200, 100, 200, 70, 0],
            "bytes_down": [400, 400, 400, 90, 90],
            "coded_up": [None, 10.0, 12.0, None, None],
            "coded_down": [None, 30.0, 30.0, None, None],
        }
    )

    found = exchanged(rounds)

    a = [2 * 10 + 2 * 30, 1 * 10 + 2 * 30, 2 * 12 + 2 * 30]
    b = [70 + 90, 0 + 90]
    assert found.tolist() == [*np.cumsum(a), *np.cumsum(b)]
    assert exchanged(rounds, ["up"]).tolist() == [*np.cumsum([20, 10, 24]), 70, 70]
    assert exchanged(rounds, ["down"]).tolist() == [60, 120, 180, 90, 180]


def test_accuracy_is_drawn_over_bytes(finished: Path, tmp_path: Path) -> None:
    rounds = load(finished)

    overs = ("rounds", "bytes", "up", "down")
    for over in overs:
        accuracy_curves(rounds, tmp_path / f"{over}.svg", over=over)

    assert len({(tmp_path / f"{over}.svg").read_text() for over in overs}) == len(overs)
    with pytest.raises(InputError, match="--over: got 'hours'; takes rounds, bytes, up, down"):
        accuracy_curves(rounds, tmp_path / "x.svg", over="hours")


def test_a_run_of_ballots_shows_what_its_sums_take(tmp_path: Path) -> None:
    settings = ["rounds=3", "clients=12", "clients_per_round=4", "train.epochs=1", "eval_every=3"]
    ballots = ["strategy.ballot_bits=2", "strategy.ballot_dither=1", "strategy.down_history=3"]
    ballots += ["strategy.rule=sum"]
    execute(read(None, [*settings, *ballots]), RunDirectory(tmp_path / "run"))

    measured = sample(run=tmp_path / "run")
    *_, up, down = costs(measured)

    assert (up.coding, up.way) == ("the run's ballots, mean of 4", "up")
    assert (down.coding, down.way) == ("sums of 4 ballots", "down")
    rows = {row.coding: row for row in costs(measured)}
    assert 0.5 < up.bytes / rows["ballot 2 bits, dither 1"].bytes < 2
    assert up.bytes < down.bytes < rows["delta"].bytes / 2
    last, long_ago, never = measured.total
    assert [row.rounds for row in measured.total] == [1, 3, 0]
    assert {row.up for row in measured.total} == {up.bytes}
    assert down.bytes <= last.down < down.bytes + 100, "the sums and how many steps there are"
    assert last.down < long_ago.down, "three steps, or what they lead to"
    assert never.down == rows["delta given the first ranking"].bytes
    assert never.both == never.up + never.down


def test_a_carried_way_down_is_measured_as_it_is_sent(tmp_path: Path) -> None:
    """The round on record is voted again, so the server's own ranking must be there again."""
    settings = ["rounds=3", "clients=8", "clients_per_round=4", "train.epochs=1", "eval_every=3"]
    ballots = ["strategy.ballot_bits=2", "strategy.ballot_dither=1", "checkpoint_every=1"]
    carried = ["strategy.rule=sum", "strategy.down_bits=2", "strategy.down_slack=0.25"]
    execute(read(None, [*settings, *ballots, *carried]), RunDirectory(tmp_path / "run"))

    measured = sample(run=tmp_path / "run")
    rows = {row.coding: row for row in costs(measured)}

    assert [(row.rounds, row.down) for row in measured.total] == [
        (1, rows["ballot 2 bits given the round before"].bytes),
        (0, rows["ballot 2 bits given the first ranking"].bytes),
    ]
    assert measured.total[0].up == rows["the run's ballots, mean of 4"].bytes
    assert "sums of 4 ballots" not in rows, "they do not lead to the next ranking alone"
