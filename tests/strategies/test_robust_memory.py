"""Robust stopped and carried on: the same trajectory, or one line that says why not."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.serverapp import strategy as flower

from frl.errors import InputError
from frl.grids import InProcessGrid
from strategies import Robust
from tests.plain_app import BUFFERS, CLIENTS, INNER, WEIGHTS, client_app, record, run

STATE = {**WEIGHTS, **BUFFERS}


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("flwr"), "level", logging.CRITICAL)
    monkeypatch.setattr("gc.collect", lambda *_: 0)


def opposed(message: Message, good: RecordDict) -> Message:
    """A step away from where the others go."""
    sent = message.content.array_records["arrays"]
    arrays = {name: array.numpy() for name, array in good.array_records["arrays"].items()}
    for name in WEIGHTS:
        old = sent[name].numpy()
        arrays[name] = np.asarray(2 * old - arrays[name], dtype=old.dtype)
    return Message(RecordDict({**good, "arrays": record(arrays)}), reply_to=message)


EVIL = {1: opposed, 4: opposed}
BEHIND: dict[str, dict[str, Any]] = {
    "FedAvg": {"rule": "change_mean"},
    "FedProx": {"rule": "foolsgold"},
    "FedAdam": {"rule": "centered_clipping(tau=0.5)"},
    "FedYogi": {"rule": "sparsefed(momentum=0.9)"},
    "FedAvgM": {"rule": "median", "pre_aggregation": "bucketing(size=2)"},
    "FedAdagrad": {"rule": "dnc(f=2)"},
    "QFedAvg": {"rule": "change_mean", "pre_aggregation": "nnm(f=2)"},
}


def difference(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return any(not np.array_equal(first[name], second[name]) for name in STATE)


@pytest.mark.parametrize("name", BEHIND)
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(name: str, tmp_path: Path) -> None:
    lines = tmp_path / "verdicts.jsonl"

    def made(**more: Any) -> Robust:
        return Robust(INNER[name](), **BEHIND[name], **more)

    whole, result = run(made(), STATE, EVIL, rounds=5)

    stopped = made(detection_file=lines)
    half, _ = run(stopped, STATE, EVIL, rounds=2)
    np.savez(tmp_path / "memory.npz", **stopped.memory)
    gone_on = made(detection_file=lines)
    with np.load(tmp_path / "memory.npz") as kept:
        gone_on.memory = dict(kept)
    found, later = run(gone_on, half, EVIL, rounds=3)

    for layer, values in whole.items():
        np.testing.assert_array_equal(found[layer], values)
    assert later.train_metrics_clientapp[3] == result.train_metrics_clientapp[5]
    rounds = [json.loads(line)["round"] for line in lines.read_text().splitlines()]
    assert rounds == [number for number in range(1, 6) for _ in range(CLIENTS)]
    forgetful, _ = run(made(), half, EVIL, rounds=3)
    assert difference(forgetful, whole)


def test_memory_is_a_copy_that_later_rounds_leave_alone() -> None:
    strategy = Robust(INNER["FedAdam"](), rule="change_mean")
    half, _ = run(strategy, STATE, EVIL, rounds=2)
    taken = strategy.memory
    kept = {name: values.copy() for name, values in taken.items()}

    strategy.memory = taken
    run(strategy, half, EVIL, rounds=2)

    for name, values in kept.items():
        np.testing.assert_array_equal(taken[name], values)
    assert strategy.memory["round"] == 4


def test_a_round_under_way_is_not_done() -> None:
    strategy = Robust(flower.FedAvg())
    grid = InProcessGrid(client_app(), CLIENTS)

    strategy.configure_train(1, record(STATE), ConfigRecord(), grid)

    assert strategy.memory["round"] == 0


def test_clients_keep_their_numbers_by_their_nodes() -> None:
    strategy = Robust(flower.FedAvg())
    run(strategy, STATE, rounds=1)
    memory = strategy.memory
    memory["nodes"] = memory["nodes"][::-1]

    strategy.memory = memory
    run(strategy, STATE, {0: opposed}, rounds=1)

    nodes = sorted(verdict.node for verdict in strategy.verdicts)
    assert [verdict.node for verdict in strategy.verdicts] == nodes[::-1]


def altered(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda memory: {
        name.replace("_", "-"): value
        for name, value in {**memory, **changes}.items()
        if value is not None
    }


@pytest.mark.parametrize(
    ("strategy", "change", "complaint"),
    [
        (Robust(flower.FedAvg()), altered(round=None), r"memory: has no 'round'"),
        (
            Robust(flower.FedAdam()),
            altered(),
            r"memory: got that of FedAvg behind Median\(\); takes that of FedAdam behind",
        ),
        (Robust(flower.FedAvg(), rule="change_mean"), altered(), "got that of FedAvg behind Med"),
        (Robust(flower.FedAvg(), pre_aggregation="nnm(f=1)"), altered(), "got that of FedAvg be"),
    ],
)
def test_memory_of_another_strategy_is_refused(
    strategy: Robust, change: Callable[..., Any], complaint: str
) -> None:
    other = Robust(flower.FedAvg())
    run(other, STATE, rounds=1)

    with pytest.raises(InputError, match=complaint):
        strategy.memory = change(other.memory)


def test_memory_of_another_model_is_refused() -> None:
    strategy = Robust(flower.FedAvg())
    run(strategy, STATE, rounds=1)

    with pytest.raises(InputError, match="the memory is of a model with other layers"):
        run(strategy, {**STATE, "wide": np.zeros(6)})
