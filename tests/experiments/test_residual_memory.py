"""What clients remember under ``strategy.upload_top``: how much it is, and said before the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.config import read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.setup import Setup
from experiments.setup.engine import warn_of_residuals

VALUES = 52_768
KEYS = ["clients=100", "clients_per_round=10", "rounds=4", "strategy.name=fedavg"]


@pytest.mark.parametrize(
    ("keys", "megabytes"),
    [
        (["strategy.upload_top=0.1"], 4 * VALUES * 40 / 2**20),
        (["strategy.upload_top=0.1", "rounds=1000"], 4 * VALUES * 100 / 2**20),
        ([], None),
        (["strategy.name=frl", "strategy.upload_top=0.1"], None),
    ],
)
def test_it_is_said_what_every_client_that_may_be_asked_takes(
    keys: list[str],
    megabytes: float | None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("experiments.setup.engine._MUCH", 2**20)

    warn_of_residuals(read(None, [*KEYS, *keys]), VALUES)

    assert caplog.messages == [] if megabytes is None else f"{megabytes:.0f} MB" in caplog.text


def test_what_is_said_is_what_a_run_holds(tmp_path: Path) -> None:
    keys = ["clients=3", "clients_per_round=3", "rounds=1", "train.epochs=1", "model.name=mlp"]
    config = read(None, [*keys, "strategy.name=fedavg", "strategy.upload_top=0.1"])
    setup = Setup(config)
    with setup.start_engine() as engine:
        execute(config, RunDirectory(tmp_path / "run"), grid=engine)
        held = sum(array.nbytes for array in engine.client_memory.values())

    assert held == 4 * 3 * sum(a.size for a in setup.trainer.initial.values())
