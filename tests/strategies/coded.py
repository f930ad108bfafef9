"""A small world whose clients send full, rounded and sparse rankings, coded or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from frl.exchange.channel import Channel
from frl.exchange.coded_record import is_coded
from frl.exchange.forms import Ballots, Form, Top, Whole
from frl.exchange.messages import arrays_record, read_arrays, read_task
from frl.exchange.state_reader import StateReader
from frl.grids import InProcessGrid
from frl.wire import Base
from frl.wire.boundaries import boundaries
from strategies import FRL, RuleStrategy, SeededStrategy, rank_by
from strategies.rules import Rule

N = {"conv": 64, "fc": 1500}
ROWS = {"conv": 8, "fc": 10}
CLIENTS = 8
GLOBAL = 999


def ranking(client: int) -> dict[str, np.ndarray]:
    """What a client trains to: the global ranking with some edges moved."""
    start = {name: np.random.default_rng(GLOBAL).permutation(n) for name, n in N.items()}
    rng = np.random.default_rng(client)
    noise = 0 if client == GLOBAL else 40
    return {
        name: np.argsort(np.argsort(p + noise * rng.standard_normal(p.size))).astype(np.int32)
        for name, p in start.items()
    }


BASE = Base(1, ranking(GLOBAL))
WAYS: dict[str, tuple[Form, str]] = {
    "delta": (Whole(), "delta"),
    "fixed": (Whole(), "fixed"),
    **{f"ballot-{bits}": (Ballots(bits), "ballot") for bits in (1, 4, 8)},
    "focused": (Ballots(3, 2.0), "ballot"),
    **{
        f"{name}-{unsent}": (Top(0.3, unsent), name)
        for name in ("sparse", "sparse-delta")
        for unsent in ("mean", "zero")
    },
}


def channel(way: str, *, coded: bool) -> Channel:
    form, coding = WAYS[way]
    return Channel(N, form, coding, ROWS, coded=coded)


def reply_to(message: Message, record: Any) -> Message:
    metrics = MetricRecord({"num-examples": 10})
    return Message(RecordDict({"arrays": record, "metrics": metrics}), reply_to=message)


def honest(message: Message, channel: Channel) -> Any:
    base = StateReader(channel)(message)
    task = read_task(message)
    return channel.send_update(ranking(task.client), base, task, coded=is_coded(message))


def run_round(
    strategy: SeededStrategy, answer: Callable[[Message], Any]
) -> dict[str, np.ndarray] | None:
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        return reply_to(message, answer(message))

    grid = InProcessGrid(app, CLIENTS)
    sent = strategy.configure_train(1, arrays_record(ranking(GLOBAL)), ConfigRecord(), grid)
    replies = list(grid.send_and_receive(sent))
    arrays, _ = strategy.aggregate_train(1, replies[::-1])
    return None if arrays is None else read_arrays(arrays)


def vote(channel: Channel, rule: Rule | None = None, **options: Any) -> SeededStrategy:
    size = {"clients": CLIENTS, "clients_per_round": CLIENTS, **options}
    if rule is None:
        return FRL(**size, channel=channel)
    return RuleStrategy(**size, rule=rule, channel=channel)


def assert_same(found: Any, expected: Any) -> None:
    assert list(found) == list(expected)
    for name, positions in expected.items():
        np.testing.assert_array_equal(found[name], positions)


def counted(way: str, positions: np.ndarray) -> np.ndarray:
    """What a ranking counts in a vote, edge by edge in plain Python."""
    form, n = WAYS[way][0], positions.size
    if isinstance(form, Whole):
        return positions.astype(np.int64)
    if isinstance(form, Ballots):
        first = boundaries(n, form.bits, focus=form.focus)
        buckets = [sum(int(p) >= f for f in first[1:-1]) for p in positions.tolist()]
        if form.focus == 1.0:
            return np.array(buckets)
        return np.array([int(first[b]) + int(first[b + 1]) - 1 for b in buckets])
    missing = int((1 - form.share) * n)
    level = (missing - 1) / 2 if form.unsent == "mean" else 0
    return np.array([2 * (p if p >= missing else level) for p in positions.tolist()])


def vote_of(way: str, clients: Iterable[int]) -> dict[str, np.ndarray]:
    """The next ranking if these clients vote."""
    voters = list(clients)
    return {
        name: rank_by(
            np.sum([counted(way, ranking(c)[name]) for c in voters], axis=0).astype(np.int64), p
        )
        for name, p in ranking(GLOBAL).items()
    }
