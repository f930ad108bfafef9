"""A SuperLink with SuperNodes: the same run as in one process."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from attacks.adversary.orders import REFUSED
from experiments.records import CURVE
from experiments.setup.node import NOT_ALLOWED
from frl.discretion import DATA
from tests.experiments.counting_proxy import CountingProxy
from tests.experiments.federation import PATIENCE, Federation, until, without_seconds
from tests.experiments.test_node import copy_of_data, shard_folders, start

KEYS = [
    *("rounds=2", "clients=4", "clients_per_round=4", "train.epochs=1"),
    *("strategy.ballot_bits=2", "strategy.ballot_dither=1"),
]
DOWN, UP = "/v1/fleet/pull-object", "/v1/fleet/push-object"
"""Calls that carry the objects that messages are made of."""


@pytest.mark.flower
@pytest.mark.timeout(1200)
def test_supernodes_of_all_kinds_give_the_record_of_the_in_process_run(tmp_path: Path) -> None:
    """One has its part, one a folder of its own, one attacks, one has a folder that is wrong.

    Asked for more than their own configs allow, they refuse.
    """
    own = shard_folders(tmp_path, *KEYS)[1]
    nodes: dict[int, dict[str, Any]] = {
        0: {"partition-id": 0},
        1: {"partition-id": 1, "data.path": str(own)},
        2: {"partition-id": 2, "attack": "own_reversal"},
        3: {"partition-id": 3, "data.path": str(tmp_path / "nothing")},
    }
    expected, result = start(tmp_path / "inprocess", nodes, *KEYS)
    assert result["rejected"] == {"error": 2}

    with (
        Federation(tmp_path / "federation") as federation,
        CountingProxy(federation.port) as proxy,
    ):
        federation.superlink()
        for client, config in nodes.items():
            node = " ".join(f"{key}={json.dumps(value)}" for key, value in config.items())
            federation.supernode(f"node{client}", node, superlink=proxy.port)
        federation.run(KEYS)
        found = federation.result()
        directory = federation.directory()
        until((directory.path / CURVE).exists, "no picture was drawn", patience=PATIENCE)
        rows = directory.rows()
        check_bytes(proxy, rows)
        refusals = ask_too_much(federation, copy_of_data(tmp_path / "copy"))

    assert found["digest"] == result["digest"]
    assert without_seconds(rows) == without_seconds(expected)
    assert refusals == {0: NOT_ALLOWED, 1: REFUSED, 2: NOT_ALLOWED, 3: DATA}
    for machine in ("superlink", "node0"):
        check_contents(federation.home(machine) / "home" / "apps")


def ask_too_much(federation: Federation, folder: Path) -> dict[int, str]:
    """Run as a hostile server would: a folder of the nodes by name, and orders to attack for all.

    Returns
    -------
    dict of int to str
        What each client said.
    """
    before = federation.directory().path
    more = [f"data.path='{folder}'", "attack.name='label_flip'", "attack.fraction=1.0"]
    federation.run(["rounds=1", *KEYS[1:], *more])
    until(
        lambda: federation.directory().path != before,
        lambda: f"no second run:\n{federation.everything()}",
        patience=PATIENCE,
    )
    (row,) = federation.rows(1)
    assert row["admitted"] == 0
    assert all(reason == "error" for _, reason, _ in row["rejections"])
    return {client: detail for client, _, detail in row["rejections"]}


def check_bytes(proxy: CountingProxy, rows: list[dict]) -> None:
    """What the record says was sent went over the wire, and at most 4 kB more a message."""
    up, down = (sum(row[key] for row in rows) for key in ("bytes_up", "bytes_down"))
    messages = sum(len(row["sampled"]) for row in rows)
    sys.stdout.write(f"record: up {up}, down {down}, {messages} messages each way\n")
    for path, calls in sorted(proxy.calls.items()):
        bodies = f"{proxy.sent[path]} out, {proxy.received[path]} in"
        sys.stdout.write(f"{path}: {calls} calls, {bodies}, headers {proxy.headers[path]}\n")
    assert down <= proxy.sent[DOWN] <= down + 4_000 * messages
    assert up <= proxy.received[UP] <= up + 4_000 * messages


def check_contents(apps: Path) -> None:
    """The app that travelled holds the four packages, and neither tests nor data."""
    [app] = apps.iterdir()
    found = {path.relative_to(app) for path in app.rglob("*") if path.is_file()}
    files = {path for path in found if "__pycache__" not in path.parts}
    assert {path.parts[0] for path in files if len(path.parts) > 1} - {".info"} == {
        "frl",
        "strategies",
        "attacks",
        "experiments",
    }
    assert {path.name for path in files if len(path.parts) == 1} == {
        "LICENSE",
        "README.md",
        "pyproject.toml",
    }
    assert {path.suffix for path in files if path.parts[0] in ("frl", "experiments")} == {".py"}
    assert sum((app / path).stat().st_size for path in files) < 2_000_000
