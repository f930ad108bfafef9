"""Attacks through whole runs in which rankings travel as ballots or as their top."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiments.config import read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.rounds.row import Row

SMALL = [
    "rounds=2",
    "clients=10",
    "clients_per_round=6",
    "train.epochs=1",
    "attack.fraction=0.4",
    "attack.sampling=fixed_count",
]
DITHERED = "strategy.ballot_dither=1"

CASES = {
    "one bit": ["attack.name=shift_reversal", "strategy.ballot_bits=1", DITHERED],
    "one bit, client alone": ["attack.name=shift_flip", "strategy.ballot_bits=1", DITHERED],
    "two bits": ["attack.name=evasion", "attack.diversity=0.5", "strategy.ballot_bits=2", DITHERED],
    "four bits": [
        "attack.name=fixed_target",
        "strategy.ballot_bits=4",
        DITHERED,
        "strategy.mask_by=abs",
    ],
    "eight bits": ["attack.name=rank_min_max", "strategy.ballot_bits=8", "strategy.ballot_focus=2"],
    "the rule on ballots": ["attack.name=rank_dyn_opt", "strategy.ballot_bits=3", DITHERED],
    "top": ["attack.name=rank_fang", "strategy.upload_top=0.3", "strategy.unsent=zero"],
    "top, abs": [
        "attack.name=evasion",
        "attack.harm=boundary",
        "strategy.upload_top=0.3",
        "strategy.mask_by=abs",
    ],
}


def _clean(case: list[str]) -> list[str]:
    """Leave out the attack of a case and its parameters."""
    kept = [key for key in case if not key.startswith("attack.")]
    return [*kept, "attack.name=none", "attack.fraction=0"]


def start(folder: Path, *overrides: str) -> dict[str, Any]:
    return execute(read(None, [*SMALL, *overrides]), RunDirectory(folder))


@pytest.mark.parametrize("case", CASES)
def test_crafted_rankings_are_admitted_and_count_whether_coded_or_not(
    case: str, tmp_path: Path
) -> None:
    plain = start(tmp_path / "plain", "strategy.coding=off", *CASES[case])
    coded = start(tmp_path / "coded", "strategy.coding=always", *CASES[case])
    honest = start(tmp_path / "honest", *_clean(CASES[case]))

    assert plain["rejected"] == coded["rejected"] == {}
    assert plain["digest"] == coded["digest"] != honest["digest"]


class Stop(Exception):
    pass


@pytest.mark.parametrize(
    "overrides",
    [
        ["attack.name=fixed_target", "attack.period=1"],
        ["attack.name=evasion", "attack.harm=reverse"],
        ["attack.name=vem", "attack.source=history", "strategy.ballot_bits=2", DITHERED],
        ["attack.name=poisoned_fl", "strategy.name=fedavg", "attack.period=1"],
    ],
    ids=lambda overrides: overrides[0],
)
def test_what_colluders_remember_survives_a_resumed_run(
    overrides: list[str], tmp_path: Path
) -> None:
    whole = start(tmp_path / "whole", *overrides, "rounds=3")

    def stop(row: Row) -> None:
        if row.round == 2:
            raise Stop

    config = read(None, [*SMALL, *overrides, "rounds=3"])
    with pytest.raises(Stop):
        execute(config, RunDirectory(tmp_path / "stopped"), watch=stop)
    resumed = execute(config, RunDirectory(tmp_path / "stopped"), resume=True)

    assert resumed["digest"] == whole["digest"]
