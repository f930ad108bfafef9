"""A server makes the noise of each dithered ballot once a round: to read it, and for all else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message
from flwr.clientapp import ClientApp

from frl.exchange.channel import Channel
from frl.exchange.coded_record import CODED, coded_message
from frl.exchange.forms import Ballots, ballots
from frl.exchange.messages import arrays_record, read_arrays, read_task
from frl.exchange.steps import encode_step
from frl.exchange.unmoved import Unmoved
from frl.grids import InProcessGrid
from frl.task import Task
from frl.wire import Base
from strategies import FRL
from tests.strategies.coded import BASE, CLIENTS, GLOBAL, ROWS, N, honest, ranking, reply_to

FORM = Ballots(2, dither=1.0)
DAMAGED = 3
WAYS: dict[str, dict[str, Any]] = {
    "steps": {"history": 4},
    "carried": {"down_bits": 2, "down_slack": 0.25},
}


def channel(way: str) -> Channel:
    return Channel(N, FORM, "ballot", ROWS, coded=True, first=ranking(GLOBAL), **WAYS[way])


def round_of(way: str, monkeypatch: pytest.MonkeyPatch) -> tuple[FRL, dict[str, np.ndarray], int]:
    """Strategy after a round with one damaged reply, the next state, and noises that it made."""
    app, made = ClientApp(), 0

    @app.train()
    def train(message: Message, context: Context) -> Message:
        record = honest(message, channel(way))
        if read_task(message).client == DAMAGED:
            damaged = coded_message(record)[:-9]
            record = ArrayRecord({CODED: Array("uint8", (len(damaged),), "frl.wire", damaged)})
        return reply_to(message, record)

    strategy = FRL(clients=CLIENTS, clients_per_round=CLIENTS, channel=channel(way))
    grid = InProcessGrid(app, CLIENTS)
    sent = strategy.configure_train(1, arrays_record(ranking(GLOBAL)), ConfigRecord(), grid)
    replies = list(grid.send_and_receive(sent))
    original = ballots.dithered

    def counted(*args: Any, **options: Any) -> Any:
        nonlocal made
        made += 1
        return original(*args, **options)

    monkeypatch.setattr(ballots, "dithered", counted)
    arrays, _ = strategy.aggregate_train(1, replies)
    assert arrays is not None
    return strategy, read_arrays(arrays), made


@pytest.mark.parametrize("way", WAYS)
def test_a_round_makes_the_noise_of_each_voter_once(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy, _, made = round_of(way, monkeypatch)

    assert len(strategy.report.admitted) == CLIENTS - 1
    assert made == CLIENTS * len(N)


def test_a_step_is_the_same_as_with_noise_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    strategy, state, _ = round_of("steps", monkeypatch)

    voters = [client for client in range(CLIENTS) if client != DAMAGED]
    step = encode_step(strategy.vote.sums, FORM, voters, BASE, seed=0, rows=ROWS)
    found = strategy.client_states.memory["steps/1"].tobytes()
    assert found == step
    followed = FORM.follow(strategy.client_states.encoded(Base(2, state), 0), BASE, seed=0)
    for name, positions in state.items():
        np.testing.assert_array_equal(followed.state[name], positions)


def test_who_does_not_count_after_all_is_taken_out() -> None:
    heard = Unmoved(FORM, BASE, seed=5, near=True)
    for client in (1, 2, 2, 3):
        heard.add(client, FORM.given(BASE, task_of(client)).state)

    found = heard.over([2, 4])

    for name, kinds in Unmoved(FORM, BASE, seed=5, near=True).over([2, 4]).items():
        np.testing.assert_array_equal(found[name], kinds)


def task_of(client: int) -> Task:
    return Task(BASE.round, client, 5)
