"""Memory and populations: what grows with the run, the round, the workers and the clients."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from flwr.app import ConfigRecord, Message

from experiments.benchmarks.reliability import SMALL, growth, mapped_shares
from experiments.config import flatten, from_flat, read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from frl.data.store import cache_folder
from frl.exchange.messages import Report, arrays_record, reply_content
from frl.grids import RayGrid
from frl.grids.internals import identify_process
from strategies import FRL
from tests.experiments.failing import app

EDGES = 200_000


def peak_of_a_vote(clients: int) -> int:
    """Bytes that aggregating this many replies, each made when it is asked for, needs at most."""
    identify_process()
    rng = np.random.default_rng(0)
    state = {"fc": rng.permutation(EDGES).astype(np.int32)}
    strategy = FRL(clients=clients, clients_per_round=clients, roster=_Roster())
    asked = strategy.configure_train(1, arrays_record(state), ConfigRecord(), None)  # type: ignore[arg-type]
    for number, message in enumerate(asked):
        message.metadata.__dict__["_message_id"] = f"m{number}"

    def answer(message: Message) -> Message:
        vote = {"fc": rng.permutation(EDGES).astype(np.int32)}
        return Message(reply_content(arrays_record(vote), Report(1, 0.0, 0.0, 1)), reply_to=message)

    tracemalloc.start()
    strategy.aggregate_train(1, map(answer, asked))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert strategy.report is not None
    assert len(strategy.report.admitted) == clients
    return peak


class _Roster:
    def nodes_of(self, clients: Iterable[int]) -> dict[int, int]:
        return {client: client + 2 for client in clients}


def test_the_votes_memory_does_not_grow_with_clients() -> None:
    few, many = peak_of_a_vote(25), peak_of_a_vote(250)

    assert many - few < 4 * EDGES / 2, "less than half of one more ballot"


def test_memory_does_not_grow_with_rounds() -> None:
    ratio, _ = growth(from_flat({**SMALL, "rounds": 60}), 20, 60)

    assert ratio < 1.02


def test_a_thousand_clients_a_round_of_a_million(tmp_path: Path) -> None:
    config = read(
        None,
        [
            *("rounds=1", "clients=1000000", "clients_per_round=1000", "train.epochs=1"),
            *("data.partition=virtual", "data.samples=8", "model.name=mlp", "attack.fraction=0.2"),
            "attack.name=label_flip",
        ],
    )

    result = execute(config, RunDirectory(tmp_path / "run"))

    assert result["admitted"] == 1000


@pytest.mark.ray
def test_four_workers_share_one_copy_of_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRL_FAULTS", str(tmp_path))
    config = from_flat({**SMALL, "rounds": 1, "clients_per_round": 20})
    with RayGrid(app, config.clients, flatten(config), workers=4) as grid:
        execute(config, RunDirectory(tmp_path / "run"), grid=grid)
        shares = [mapped_shares(pid, cache_folder().resolve()) for pid in grid.worker_pids()]

    files = {path for share in shares for path in share}
    held = sum(sum(share.values()) for share in shares)
    assert any(path.stat().st_size > 90_000 for path in files), "the images are mapped"
    assert held <= sum(path.stat().st_size + 4096 for path in files)
