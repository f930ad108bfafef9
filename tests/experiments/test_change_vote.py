"""Whole runs under the change vote: what is recorded, resumption, the attack that fells a sum."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.config import read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.rounds.row import Row

SMALL = ["rounds=7", "clients=12", "clients_per_round=6", "train.epochs=1", "eval_every=7"]
LARGE = ["rounds=40", "clients=100", "clients_per_round=25", "eval_every=40", "checkpoint_every=40"]
ATTACK = ["attack.name=shift_reversal", "attack.fraction=0.2"]


class Stop(Exception):
    pass


@pytest.mark.parametrize("bits", ["0", "4"])
def test_a_stopped_run_carries_on_with_its_memory(tmp_path: Path, bits: str) -> None:
    dither = "1.0" if bits != "0" else "0.0"
    form = [f"strategy.ballot_bits={bits}", f"strategy.ballot_dither={dither}"]
    config = read(None, [*SMALL, *ATTACK, *form, "strategy.rule=change_vote"])
    whole, stopped = RunDirectory(tmp_path / "whole"), RunDirectory(tmp_path / "stopped")
    expected = execute(config, whole)

    def stop(row: Row) -> None:
        if row.round == 4:
            raise Stop

    with pytest.raises(Stop):
        execute(config, stopped, watch=stop)
    result = execute(config, stopped, resume=True)

    assert result["digest"] == expected["digest"]
    weights = [row["weights"] for row in whole.rows()]
    assert [row["weights"] for row in stopped.rows()] == weights
    for row, counted in zip(whole.rows(), weights, strict=True):
        assert [client for client, _, _ in counted] == row["sampled"]


@pytest.mark.parametrize(("rule", "least", "most"), [("sum", 0.0, 0.4), ("change_vote", 0.8, 1.0)])
def test_shift_reversal_fells_the_sum_and_not_the_change_vote(
    tmp_path: Path, rule: str, least: float, most: float
) -> None:
    config = read(None, [*LARGE, *ATTACK, f"strategy.rule={rule}"])

    result = execute(config, RunDirectory(tmp_path / rule))

    assert least <= result["accuracy"] <= most
