"""Whole runs with a client that sends more than it should: they end, and can be resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from experiments.run import execute
from flwr.app import Array, ArrayRecord, Context, Message
from flwr.clientapp import ClientApp

from experiments.client_app import train
from experiments.config import flatten, read
from experiments.records import RunDirectory
from frl.exchange.messages import arrays_record, read_arrays, read_task
from frl.grids import InProcessGrid
from tests.experiments.test_coding import elsewhere

KEYS = ["clients=4", "clients_per_round=4", "train.epochs=1", "eval_every=1"]
KINDS = {
    "frl": [],
    "ranks": ["strategy.rule=median_position"],
    "weights": ["strategy.name=fedavg", "train.lr=0.06"],
}
EVIL = 0
app, absent, cutting = ClientApp(), ClientApp(), ClientApp()


@app.train()
def hostile(message: Message, context: Context) -> Message:
    """Train honestly, and let one client add a record to its reply."""
    reply = train(message, context)
    if read_task(message).client == EVIL:
        garbage = Array("uint8", (40,), "frl.wire", b"\xff" * 40)
        reply.content["more"] = ArrayRecord({"coded": garbage})
    return reply


@cutting.train()
def short(message: Message, context: Context) -> Message:
    """Train honestly; one client sends layers that are too short."""
    reply = train(message, context)
    if read_task(message).client == EVIL:
        arrays = read_arrays(reply.content.array_records["arrays"])
        reply.content["arrays"] = arrays_record({n: a[:-1] for n, a in arrays.items()})
    return reply


@absent.train()
def failing(message: Message, context: Context) -> Message:
    """Train honestly but for one client, which fails."""
    if read_task(message).client == EVIL:
        raise ValueError("gone")
    return train(message, context)


def run(
    folder: Path, client_app: ClientApp, coding: str, *overrides: str, resume: bool = False
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    config = read(None, [*KEYS, f"strategy.coding={coding}", *overrides])
    directory = RunDirectory(folder)
    with InProcessGrid(client_app, config.clients, flatten(config)) as grid:
        result = execute(config, directory, grid=elsewhere(grid), resume=resume)
    return directory.rows(), result


@pytest.mark.parametrize("coding", ["off", "always"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_with_such_a_client_ends_where_one_without_it_does_and_resumes(
    kind: str, coding: str, tmp_path: Path
) -> None:
    keys = KINDS[kind]
    rows, result = run(tmp_path / "hostile", app, coding, "rounds=2", *keys)
    _, without = run(tmp_path / "without", absent, coding, "rounds=2", *keys)
    run(tmp_path / "halves", app, coding, "rounds=1", *keys)
    resumed, again = run(tmp_path / "halves", app, coding, "rounds=2", *keys, resume=True)

    assert result["rejected"] == {"extra-records": 2}
    assert [row["rejections"][0][:2] for row in rows] == [[EVIL, "extra-records"]] * 2
    assert result["digest"] == without["digest"] == again["digest"]
    assert [row["coded_layers"] for row in resumed] == [row["coded_layers"] for row in rows]


@pytest.mark.parametrize("form", [[], ["strategy.ballot_bits=4"], ["strategy.upload_top=0.5"]])
@pytest.mark.parametrize("fraction", [0.25, 0.75])
def test_an_adversary_that_sees_all_replies_is_not_stopped_by_one_either(
    form: list[str], fraction: float, tmp_path: Path
) -> None:
    """The attack waits for everyone's update, benign ones too; the server judges what it cannot."""
    attack = ["attack.name=boundary", "attack.source=benign", f"attack.fraction={fraction}"]
    rows, result = run(tmp_path / "run", cutting, "off", "rounds=2", *attack, *form)

    assert result["rejected"] == {"wrong-shape": 2}
    assert [row["rejections"][0][0] for row in rows] == [EVIL] * 2
    assert [row["admitted"] for row in rows] == [3, 3]
