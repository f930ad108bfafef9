"""A SuperLink with SuperNodes: the same run as in one process."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.config import read
from experiments.records import CURVE, RunDirectory
from experiments.run import execute
from tests.experiments.federation import PATIENCE, Federation, until, without_seconds

KEYS = ["rounds=2", "clients=3", "clients_per_round=3", "train.epochs=1"]


@pytest.mark.flower
def test_three_supernodes_give_the_digest_of_the_in_process_run(tmp_path: Path) -> None:
    expected = RunDirectory(tmp_path / "inprocess")
    digest = execute(read(None, [*KEYS, "strategy.coding=always"]), expected)["digest"]

    with Federation(tmp_path / "federation") as federation:
        federation.superlink()
        for client in range(3):
            federation.supernode(f"node{client}", f"partition-id={client} num-partitions=3")
        federation.run(KEYS)
        result = federation.result()
        directory = federation.directory()
        until((directory.path / CURVE).exists, "no picture was drawn", patience=PATIENCE)

    assert result["digest"] == digest
    assert without_seconds(directory.rows()) == without_seconds(expected.rows())
