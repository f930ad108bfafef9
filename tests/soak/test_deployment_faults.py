"""A deployment among dying nodes and a dying server, in real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.config import read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from tests.experiments.federation import Federation, without_seconds

pytestmark = pytest.mark.soak

KEYS = ["clients=3", "clients_per_round=3", "train.epochs=1"]
TIMEOUT = 90


def test_nodes_come_late_die_return_and_pose_as_others(tmp_path: Path) -> None:
    keys = [*KEYS, "rounds=500", "engine.nodes=2", f"engine.timeout={TIMEOUT}.0"]
    with Federation(tmp_path / "federation") as federation:
        federation.superlink()
        federation.supernode("node0", "partition-id=0")
        federation.supernode("node1", "partition-id=1")
        federation.run(keys)
        rows = federation.rows(1)
        assert rows[0]["admitted"] == 2
        assert rows[0]["rejections"] == [[2, "offline", "no node is this client"]]

        federation.supernode("late", "partition-id=2")
        federation.await_row(lambda row: row["admitted"] == 3)

        federation.supernode("poser", "partition-id=0")
        federation.await_log("run", "as a connected node does already")

        asked = federation.log("node1").count("Receiving: train")
        federation.await_log("node1", "Receiving: train", times=asked + 1)
        federation.kill("node1")
        row = federation.await_row(lambda row: 1 in {client for client, *_ in row["rejections"]})
        assert row["admitted"] == 2
        assert row["seconds"] < TIMEOUT + 30
        assert {(c, reason) for c, reason, _ in row["rejections"]} <= {(1, "error"), (1, "late")}

        federation.supernode("again", "partition-id=1")
        federation.await_row(lambda row: row["admitted"] == 3)

        federation.kill("node0")
        federation.await_row(lambda row: row["admitted"] == 2)
        federation.await_row(lambda row: row["admitted"] == 3)

        rows = federation.directory().rows()
    assert [row["round"] for row in rows] == list(range(1, len(rows) + 1))
    assert all(row["admitted"] + sum(row["rejected"].values()) == 3 for row in rows)


def test_a_run_whose_server_was_killed_is_carried_on_by_another(tmp_path: Path) -> None:
    keys = [*KEYS, "rounds=4"]
    expected = RunDirectory(tmp_path / "inprocess")
    digest = execute(read(None, [*keys, "strategy.coding=always"]), expected)["digest"]

    with Federation(tmp_path / "federation") as federation:
        federation.superlink()
        for client in range(3):
            federation.supernode(f"node{client}", f"partition-id={client}")
        federation.run(keys)
        done = len(federation.rows(2))
        federation.kill("superlink")
        first = federation.directory()
        assert first.result() is None
        assert len(first.rows()) in (done, done + 1)

        federation.superlink()
        federation.run([*keys, f"resume='{first.path.name}'"])
        result = federation.result()

    assert federation.directory().path == first.path
    assert result["digest"] == digest
    rows, whole = (without_seconds(run.rows()) for run in (first, expected))
    for row in (*rows, *whole):
        row["bytes_down"] = row["coded_down"] = (
            None  # in a deployment: given what a client saw last
        )
    assert rows == whole


def test_bad_input_is_one_line_in_the_log_of_the_run(tmp_path: Path) -> None:
    with Federation(tmp_path / "federation") as federation:
        federation.superlink()
        federation.run([*KEYS, "resume='nothing'"])
        federation.await_log("superlink", "Finished task")
        federation.await_log("run", "frl: resume: no run 'nothing'")

        assert "Traceback" not in federation.log("run")
        assert not (tmp_path / "federation" / "runs").exists()
