"""Whole runs with coded messages: the same result, and bytes that are those of what was sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.serverapp import Grid

from experiments.config import Config, read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.setup import Setup
from experiments.setup.engine import make_grid
from frl import wire
from frl.errors import InputError
from frl.exchange.messages import digest
from frl.wire.header import header_size

SMALL = ["rounds=2", "clients=12", "clients_per_round=5", "train.epochs=1"]
EDGES, LAYERS = 52_768, 4
HEADER = header_size(LAYERS)


def start(folder: Path, *overrides: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    directory = RunDirectory(folder)
    result = execute(read(None, [*SMALL, *overrides]), directory)
    return directory.rows(), result


WAYS = {
    "full": [],
    "ballots": ["strategy.ballot_bits=4"],
    "everything": [
        "strategy.ballot_bits=3",
        "strategy.ballot_focus=2",
        "strategy.ballot_dither=1",
        "strategy.down_bits=8",
        "strategy.rule=median_position",
    ],
    "carried on": [
        "strategy.ballot_bits=2",
        "strategy.ballot_dither=1",
        "strategy.down_bits=2",
        "strategy.down_slack=0.25",
    ],
    "sparse": ["strategy.upload_top=0.5"],
    "reversal of ballots": [
        "strategy.ballot_bits=4",
        "attack.name=reversal",
        "attack.fraction=0.5",
        "attack.colluders=all",
    ],
    "reversal of dithered ballots": [
        "strategy.ballot_bits=2",
        "strategy.ballot_dither=1",
        "attack.name=reversal",
        "attack.fraction=0.5",
    ],
    "reversal of own ranking": ["attack.name=own_reversal", "attack.fraction=0.5"],
    "vem of sparse": ["strategy.upload_top=0.5", "attack.name=vem", "attack.fraction=0.5"],
    "weights": ["strategy.name=fedavg"],
    "largest weights": ["strategy.name=fedavg", "strategy.upload_top=0.1"],
}


@pytest.mark.parametrize("way", WAYS)
def test_coded_or_not_the_result_is_the_same(tmp_path: Path, way: str) -> None:
    plain, off = start(tmp_path / "plain", "strategy.coding=off", *WAYS[way])
    coded, on = start(tmp_path / "coded", "strategy.coding=always", *WAYS[way])

    assert on["digest"] == off["digest"]
    assert on["rejected"] == off["rejected"] == {}
    if "attack.fraction=0.5" in WAYS[way]:
        assert any(row["malicious"] for row in plain)
    assert on["bytes_up"] == pytest.approx(on["coded_up"] + len("coded"), abs=1)
    assert on["bytes_down"] == pytest.approx(on["coded_down"] + len("coded"), abs=1)
    assert off["coded_down"] == on["coded_down"]
    assert off["coded_up"] == pytest.approx(on["coded_up"], rel=0.25), "a sample of one client"
    assert off["bytes_up"] > off["coded_up"]
    for row in (*plain, *coded):
        assert len(row["coded_layers"]) == LAYERS


def test_an_attack_changes_a_coded_run(tmp_path: Path) -> None:
    attacked = WAYS["reversal of ballots"]
    digests = {
        start(tmp_path / str(number), "strategy.coding=always", *overrides)[1]["digest"]
        for number, overrides in enumerate((WAYS["ballots"], attacked))
    }

    assert len(digests) == 2


def elsewhere(grid: Grid) -> Grid:
    """Give a grid the look of one that is not ours, as Flower's runtimes have."""
    methods = (Grid.__abstractmethods__ - {"run"}) | {"nodes_of"}
    members = {name: staticmethod(getattr(grid, name)) for name in methods}
    return type("Elsewhere", (Grid,), {**members, "run": property(lambda _: grid.run)})()


def test_what_deployments_send_is_coded_unless_it_is_off(tmp_path: Path) -> None:
    sent = {}
    for coding in ("auto", "off"):
        config = read(None, [*SMALL, f"strategy.coding={coding}"])
        with make_grid(config) as grid:
            result = execute(config, RunDirectory(tmp_path / coding), grid=elsewhere(grid))
        sent[coding] = result["bytes_down"]

    assert sent["auto"] < 1.8 * EDGES, "a fixed snapshot would be 1.86 bytes an edge"
    assert sent["off"] > 4 * EDGES


@pytest.mark.parametrize(
    ("overrides", "up"),
    [
        (["strategy.name=fedavg"], 4 * EDGES),
        (["strategy.name=fedavg", "strategy.rule=sign_sgd"], EDGES // 8),
        (["strategy.coding=fixed"], 0),
    ],
)
def test_sizes_that_follow_from_the_model(tmp_path: Path, overrides: list[str], up: int) -> None:
    config = read(None, [*SMALL, "rounds=1", *overrides])
    layers = {name: values.size for name, values in Setup(config).trainer.initial.items()}
    _, result = start(tmp_path / "run", "rounds=1", *overrides)

    if overrides == ["strategy.coding=fixed"]:
        up = sum(-(-n * (n - 1).bit_length() // 8) for n in layers.values())
    assert sum(layers.values()) == EDGES
    assert result["coded_up"] == up + HEADER


def test_the_row_tells_the_bytes_of_each_layer(tmp_path: Path) -> None:
    rows, _ = start(tmp_path / "run", "strategy.coding=fixed", "rounds=1")

    assert sum(rows[0]["coded_layers"].values()) + HEADER == rows[0]["coded_up"]
    assert json.dumps(rows[0]["coded_layers"])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["strategy.coding=ballot"], "got 'ballot'; what clients send takes auto, off, always, d"),
        (["strategy.coding=delta", "strategy.ballot_bits=4"], "got 'delta'; what clients send"),
        (["strategy.coding=topk", "strategy.name=fedavg"], "got 'topk'; what clients send takes"),
        (["strategy.coding=zip"], "strategy.coding: got 'zip'"),
        (
            ["strategy.ballot_bits=4", "strategy.upload_top=0.5"],
            "strategy.upload_top: takes 1 where strategy.ballot_bits is not 0",
        ),
        (["strategy.ballot_bits=9"], "strategy.ballot_bits: got 9; takes less than or equal to 8"),
        (["strategy.name=fedavg", "strategy.down_bits=4"], "strategy.down_bits: takes 0"),
        (["strategy.name=fedavg", "strategy.ballot_bits=4"], "strategy.ballot_bits: takes 0"),
        (["strategy.down_slack=0.5"], "strategy.down_slack: takes -1 where strategy.down_bits"),
        (["strategy.down_slack=-0.5", "strategy.down_bits=2"], "strategy.down_slack: got -0.5"),
        (["strategy.ballot_dither=1"], "strategy.ballot_dither: takes 0"),
    ],
)
def test_what_contradicts_itself_is_refused_before_anything_runs(
    tmp_path: Path, overrides: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        start(tmp_path / "run", *overrides)

    assert not (tmp_path / "run").exists()


def test_always_takes_the_smallest_coding() -> None:
    def chosen(*overrides: str) -> wire.Coding:
        return Setup(read(None, list(overrides))).coding

    assert chosen() == wire.codings.make("delta")
    assert chosen("strategy.ballot_bits=2") == wire.codings.make("ballot", bits=2)
    assert chosen("strategy.upload_top=0.5", "strategy.unsent=zero") == wire.codings.make(
        "sparse-delta", share=0.5, unsent="zero"
    )
    assert chosen("strategy.name=fedavg") == wire.codings.make("float32")


def test_a_coded_ranking_is_given_the_first_and_a_fixed_one_is_a_snapshot() -> None:
    sizes = {}
    for coding in ("delta", "fixed"):
        setup = Setup(read(None, [f"strategy.coding={coding}"]))
        trainer, channel = setup.trainer, setup.channel
        state = {name: np.roll(p, 3).copy() for name, p in trainer.initial.items()}
        record = channel.send_state(wire.Base(5, state))
        assert digest(channel.read_state(record)) == digest(state)
        near = channel.send_state(wire.Base(5, trainer.initial))
        sizes[coding] = (near.count_bytes(), record.count_bytes())

    assert sizes["fixed"][0] == sizes["fixed"][1]
    assert sizes["delta"][0] < sizes["fixed"][0]


def test_rows_are_the_output_units_of_each_layer() -> None:
    channel = Setup(Config()).channel

    assert list(channel.rows.values()) == [32, 64, 128, 10]
    assert all(channel.layers[name] % rows == 0 for name, rows in channel.rows.items())
