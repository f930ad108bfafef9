"""Replies that hold more than they must: nothing but the two expected records is ever read."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flwr.app import (
    Array,
    ArrayRecord,
    ConfigRecord,
    Context,
    Error,
    Message,
    MetricRecord,
    RecordDict,
)
from flwr.clientapp import ClientApp
from hypothesis import given
from hypothesis import strategies as st

from frl.exchange.channel import Channel
from frl.exchange.coded_record import is_coded
from frl.exchange.forms import Differences
from frl.exchange.messages import arrays_record, read_arrays, read_task
from frl.exchange.state_reader import StateReader
from frl.grids import InProcessGrid
from frl.one_line import MOST, one_line
from strategies import FRL, RuleStrategy, SeededStrategy
from strategies.rules import make
from tests.strategies.coded import CLIENTS, GLOBAL, ROWS, N, assert_same, channel, ranking

EVIL = (0, 5)
"""The client of lowest id, which the byte counter looks at, and another."""


def junk(stype: str) -> ArrayRecord:
    return ArrayRecord({"coded": Array("uint8", (40,), stype, b"\xff" * 40)})


EXTRA: dict[str, Callable[[], Any]] = {
    "an array of the wire's type": lambda: junk("frl.wire"),
    "an array of NumPy's type": lambda: junk("numpy.ndarray"),
    "metrics": lambda: MetricRecord({"num-examples": 10**9}),
    "a config": lambda: ConfigRecord({"num-examples": "many", "x": b"\xff"}),
}
PLACES = {
    "before": lambda good, more: {"aaa": more, **good},
    "after": lambda good, more: {**good, "zzz": more},
    "under a known name": lambda good, more: {"config": more, **good},
}
KINDS = ["frl", "ranks", "weights"]


def line_of(kind: str, coded: bool) -> Channel:
    if kind == "weights":
        return Channel(N, Differences(), rows=ROWS, coded=coded)
    return channel("delta", coded=coded)


def strategy_of(kind: str, line: Channel | None) -> SeededStrategy:
    size: dict[str, Any] = {
        "clients": CLIENTS,
        "clients_per_round": CLIENTS,
        "channel": line,
        "measured": lambda round: True,
    }
    if kind == "frl":
        return FRL(**size)
    return RuleStrategy(**size, rule=make("median_position" if kind == "ranks" else "mean"))


def state_of(kind: str) -> dict[str, np.ndarray]:
    start = ranking(GLOBAL)
    return {n: p.astype(np.float32) for n, p in start.items()} if kind == "weights" else start


def update_of(kind: str, client: int) -> dict[str, np.ndarray]:
    trained = ranking(client)
    return {n: p.astype(np.float32) for n, p in trained.items()} if kind == "weights" else trained


def honest(kind: str, line: Channel | None, message: Message) -> dict[str, Any]:
    task = read_task(message)
    update = update_of(kind, task.client)
    if line is None:
        record = arrays_record(update)
    else:
        base = StateReader(line)(message)
        record = line.send_update(update, base, task, coded=is_coded(message))
    return {"arrays": record, "metrics": MetricRecord({"num-examples": 10})}


def run_round(
    kind: str, line: Channel | None, evil: Callable[[Message, dict[str, Any]], Message]
) -> tuple[SeededStrategy, dict[str, np.ndarray]]:
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        content = honest(kind, line, message)
        if read_task(message).client in EVIL:
            return evil(message, content)
        return Message(RecordDict(content), reply_to=message)

    grid, strategy = InProcessGrid(app, CLIENTS), strategy_of(kind, line)
    sent = strategy.configure_train(1, arrays_record(state_of(kind)), ConfigRecord(), grid)
    arrays, _ = strategy.aggregate_train(1, grid.send_and_receive(sent))
    assert arrays is not None
    return strategy, read_arrays(arrays)


def gone(message: Message, content: dict[str, Any]) -> Message:
    return Message(Error(code=2, reason="gone"), reply_to=message)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("extra", EXTRA)
@pytest.mark.parametrize("coded", [False, True], ids=["plain", "coded"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_record_more_is_a_rejection_and_the_round_goes_on(
    kind: str, coded: bool, extra: str, place: str
) -> None:
    """The outcome and the sizes are those of a round in which these clients failed."""

    def evil(message: Message, content: dict[str, Any]) -> Message:
        return Message(RecordDict(PLACES[place](content, EXTRA[extra]())), reply_to=message)

    strategy, found = run_round(kind, line_of(kind, coded), evil)
    without, expected = run_round(kind, line_of(kind, coded), gone)

    assert strategy.report is not None
    assert without.report is not None
    assert strategy.report.reasons == {"extra-records": 2}
    assert [row.client for row in strategy.report.rejected] == list(EVIL)
    assert_same(found, expected)
    assert strategy.report.coded == without.report.coded
    assert strategy.report.bytes_up == without.report.bytes_up


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_channel_too(kind: str) -> None:
    def evil(message: Message, content: dict[str, Any]) -> Message:
        return Message(RecordDict({"a": junk("frl.wire"), **content}), reply_to=message)

    strategy, found = run_round(kind, None, evil)

    assert strategy.report is not None
    assert strategy.report.reasons == {"extra-records": 2}
    assert_same(found, run_round(kind, None, gone)[1])


@pytest.mark.parametrize("name", ["arrays", "metrics"])
@pytest.mark.parametrize("coded", [False, True], ids=["plain", "coded"])
def test_a_record_of_another_kind_is_a_rejection(name: str, coded: bool) -> None:
    def evil(message: Message, content: dict[str, Any]) -> Message:
        other = junk("frl.wire") if name == "metrics" else MetricRecord({"num-examples": 1})
        return Message(RecordDict({**content, name: other}), reply_to=message)

    strategy, _ = run_round("frl", line_of("frl", coded), evil)

    assert strategy.report is not None
    assert strategy.report.reasons == {"wrong-record": 2}


@pytest.mark.parametrize("coded", [False, True], ids=["plain", "coded"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_thousand_layers_cost_no_more_than_a_look_at_their_number(
    kind: str, coded: bool
) -> None:
    """Parsing their headers alone takes seconds."""
    layer = arrays_record({"x": np.zeros(1, dtype=np.int32)})["x"]
    flood = ArrayRecord({f"layer-{number}": layer for number in range(100_000)})
    line, strategy, app = line_of(kind, coded), strategy_of(kind, line_of(kind, coded)), ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        content = honest(kind, line, message)
        if read_task(message).client in EVIL:
            content["arrays"] = flood
        return Message(RecordDict(content), reply_to=message)

    grid = InProcessGrid(app, CLIENTS)
    sent = strategy.configure_train(1, arrays_record(state_of(kind)), ConfigRecord(), grid)
    replies = list(grid.send_and_receive(sent))
    begun = time.process_time()
    strategy.aggregate_train(1, replies)

    assert time.process_time() - begun < 1.0
    assert strategy.report is not None
    assert strategy.report.reasons == {"not-coded" if coded else "wrong-layers": 2}
    assert all(len(row.detail) <= MOST for row in strategy.report.rejected)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e308, [1.0, 2.0]])
def test_figures_that_are_no_numbers_count_as_none(value: Any) -> None:
    told = {"num-examples": 10, "train-loss": value, "train-seconds": value}

    def evil(message: Message, content: dict[str, Any]) -> Message:
        return Message(RecordDict({**content, "metrics": MetricRecord(told)}), reply_to=message)

    strategy, _ = run_round("frl", None, evil)

    assert strategy.report is not None
    assert len(strategy.report.admitted) == CLIENTS
    assert (strategy.report.loss, strategy.report.train_seconds) == (0.0, 0.0)
    json.dumps(strategy.report._asdict(), allow_nan=False)


def test_the_reason_of_an_error_is_one_printable_line() -> None:
    def evil(message: Message, content: dict[str, Any]) -> Message:
        reason = "\x1b[2J\n\u202eround 9: accuracy 100 %\r" + "x" * 1_000_000
        return Message(Error(code=2, reason=reason), reply_to=message)

    strategy, _ = run_round("frl", None, evil)

    assert strategy.report is not None
    for _, reason, detail in strategy.report.rejected:
        assert reason == "error"
        assert detail.startswith(r"\x1b[2J\n\u202eround 9: accuracy 100 %\rxxx")
        assert detail.isprintable()
        assert len(detail) == MOST


@given(st.text(st.characters(), max_size=3 * MOST))
def test_one_line_prints_is_short_and_leaves_alone_what_is_both(text: str) -> None:
    line = one_line(text)

    assert line.isprintable()
    assert len(line) <= MOST
    assert line == text or not text.isprintable() or len(text) > MOST
