"""A run that means nothing is an error, on record, and left out of reports."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attacks.adversary.population import malicious_clients, nearest
from experiments.cli import app
from experiments.config import read
from experiments.records import RunDirectory, load
from experiments.rounds import loop
from experiments.rounds.loop import execute
from experiments.rounds.meaning import MeaninglessError, why_meaningless
from experiments.rounds.outcome import Measured
from experiments.rounds.patience import Patience
from experiments.setup import Setup
from frl.data import dataset_of
from frl.errors import FRLError, InputError
from frl.training.evaluation import Evaluation

SMALL = ["rounds=2", "clients=6", "clients_per_round=3", "train.epochs=1", "model.name=mlp"]
SMALL += ["data.partition=virtual", "data.samples=16"]


def result(**changed: Any) -> dict[str, Any]:
    sound: dict[str, Any] = {
        "accuracy": 0.5,
        "loss": 1.0,
        "attack_success_rate": None,
        "rounds": 2,
        "admitted": 3,
        "rejected": {},
        "malicious": 0,
        "attacked_rounds": 0,
    }
    return sound | changed


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, ""),
        ({"malicious": 2, "attacked_rounds": 1}, ""),
        ({"attack_success_rate": 0.0, "accuracy": 0.0}, ""),
        ({"admitted": 0, "rejected": {"error": 6}}, "no reply was admitted in any of 2 rounds: 6"),
        ({"admitted": 0}, "none came"),
        ({"malicious": 2}, "an attack without attackers"),
        ({"loss": math.nan}, "the loss after round 2 is nan"),
        ({"loss": math.inf}, "the loss after round 2 is inf"),
        ({"attack_success_rate": math.nan}, "the attack_success_rate after round 2 is nan"),
    ],
)
def test_what_means_nothing(changed: dict[str, Any], why: str) -> None:
    found = why_meaningless(result(**changed))

    assert found.startswith(why) or why in found
    assert bool(found) == bool(why)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["attack.name=boundary"], "attack.fraction: 0.0 of 6 clients is 0 malicious clients"),
        (["attack.name=boundary", "attack.fraction=0.08"], "0.08 of 6 clients is 0 malicious"),
        (["attack.fraction=0.5"], "attack.fraction: got 0.5 with attack.name 'none'"),
        (
            [*("attack.name=boundary", "attack.sampling=fixed_count"), "attack.fraction=0.1"],
            "0.1 of 3 clients a round is 0 malicious clients",
        ),
    ],
)
def test_an_attack_takes_attackers(settings: list[str], told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=told):
        execute(read(None, [*SMALL, *settings]), RunDirectory(tmp_path / "run"))

    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("share", "clients", "count"),
    [
        (0.1, 6, 1),
        (0.08, 6, 0),
        (0.29, 100, 29),
        (0.35, 10, 4),
        (0.2, 50, 10),
        (1, 7, 7),
        (0, 9, 0),
    ],
)
def test_malicious_clients_are_rounded_to_the_nearest(
    share: float, clients: int, count: int
) -> None:
    assert nearest(share, clients) == count
    assert malicious_clients(0, clients, share, "uniform", 3).count == count
    assert malicious_clients(0, 99, share, "fixed_count", clients).count == count


def test_a_test_split_without_examples_is_refused(tmp_path: Path) -> None:
    inputs, labels = np.zeros((6, 4), np.float32), np.arange(6) % 2
    data = dataset_of((inputs, labels), (inputs, labels))
    empty = data.__class__(**{**vars(data), "test": type(data.test)(inputs[:0], labels[:0])})

    with pytest.raises(InputError, match="has no test example to evaluate on"):
        execute(Setup(read(None, SMALL), data=empty), RunDirectory(tmp_path / "run"))


@pytest.fixture
def diverged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    """A run whose last loss is no number."""
    directory = RunDirectory(tmp_path / "runs" / "diverged")
    nothing = Measured(Evaluation(0.1, math.nan, 360), None)
    monkeypatch.setattr(loop.Loop, "_measure", lambda *_: nothing)
    with pytest.raises(MeaninglessError, match=r"diverged: the loss after round 2 is nan"):
        execute(read(None, SMALL), directory)
    monkeypatch.undo()
    return directory


def test_a_meaningless_run_is_on_record_as_json(diverged: RunDirectory) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = (diverged.path / "result.json").read_text()
    found = json.loads(text, parse_constant=refuse)
    rows = (diverged.path / "rounds.jsonl").read_text().splitlines()
    row = json.loads(rows[-1], parse_constant=refuse)

    assert found["error"] == "the loss after round 2 is nan"
    assert (found["loss"], found["not_finite"]) == (None, {"loss": "nan"})
    assert (row["loss"], row["not_finite"]) == (None, {"loss": "nan"})
    assert (diverged.result() or {})["error"] == found["error"]


@pytest.mark.parametrize(
    "command",
    ["report RUN", "plot RUN -o OUT.png", "certify RUN", "export RUN -o OUT.bin", "resume RUN"],
)
def test_a_meaningless_run_is_of_no_use(
    diverged: RunDirectory, command: str, tmp_path: Path
) -> None:
    words = command.replace("RUN", str(diverged.path)).replace("OUT", str(tmp_path / "x")).split()

    with pytest.raises(FRLError, match=r"diverged.*the loss after round 2 is nan"):
        app(words, standalone_mode=False)


def test_a_report_leaves_it_out_and_says_so(
    diverged: RunDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    sound = RunDirectory(diverged.path.with_name("sound"))
    execute(read(None, SMALL), sound)

    with caplog.at_level(logging.WARNING):
        table = load(diverged.path.parent)

    assert set(table["run"]) == {str(sound.path)}
    assert "diverged is left out: the loss after round 2 is nan" in caplog.text


def test_a_run_in_which_nobody_is_admitted_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Patience, "check", lambda *_: None)
    monkeypatch.setattr("frl.client.Client.answer", lambda *_: 1 / 0)

    with pytest.raises(MeaninglessError, match="no reply was admitted in any of 2 rounds: 6 error"):
        execute(read(None, SMALL), RunDirectory(tmp_path / "run"))


def test_an_attack_that_never_came_to_pass_is_an_error(tmp_path: Path) -> None:
    """The one malicious client of 40 is in none of the rounds, whatever the seed but by chance."""
    attack = ["attack.name=reversal", "attack.fraction=0.025", "clients=40", "rounds=1"]
    seed = next(
        seed
        for seed in range(20)
        if not Setup(read(None, [*SMALL, *attack, f"seed={seed}"])).population.among(
            1, sampled(seed, [*SMALL, *attack])
        )
    )

    with pytest.raises(MeaninglessError, match=r"none of the malicious clients \(1\) was sampled"):
        execute(read(None, [*SMALL, *attack, f"seed={seed}"]), RunDirectory(tmp_path / "run"))


def sampled(seed: int, settings: list[str]) -> list[int]:
    """Return the clients of round 1."""
    from strategies.sampling import sample_clients

    config = read(None, [*settings, f"seed={seed}"])
    return list(sample_clients(config.seed, 1, config.clients, config.clients_per_round))


def test_runs_without_a_round_yet(tmp_path: Path) -> None:
    with RunDirectory(tmp_path / "young").create(read(None, SMALL)):
        pass

    for words in ("report RUN", "plot RUN -o x.png", "plot RUN --kind heatmap -o x.png"):
        given = words.replace("RUN", str(tmp_path / "young")).split()
        with pytest.raises(InputError, match="no round yet in"):
            app(given, standalone_mode=False)
