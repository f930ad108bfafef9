"""The strategy and its gate, through real messages of a real grid."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from flwr.app import (
    Array,
    ConfigRecord,
    Context,
    Error,
    Message,
    MetricRecord,
    RecordDict,
)
from flwr.clientapp import ClientApp

from frl.errors import InputError
from frl.exchange.messages import arrays_record, read_arrays, read_task
from frl.grids import InProcessGrid
from strategies import FRL, Vote

N = {"conv": 12, "fc": 30}


def ranking(client: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(client)
    return {name: rng.permutation(n).astype(np.int32) for name, n in N.items()}


def honest(client: int) -> RecordDict:
    return RecordDict(
        {
            "arrays": arrays_record(ranking(client)),
            "metrics": MetricRecord({"num-examples": 10, "train-loss": 1.0}),
        }
    )


def changed(client: int, **layers: np.ndarray | None) -> RecordDict:
    content = honest(client)
    arrays = {**ranking(client), **layers}
    content["arrays"] = arrays_record({k: v for k, v in arrays.items() if v is not None})
    return content


def with_value(client: int, value: int) -> RecordDict:
    fc = ranking(client)["fc"].copy()
    fc[3] = value
    return changed(client, fc=fc)


def with_examples(client: int, metrics: dict) -> RecordDict:
    content = honest(client)
    content["metrics"] = MetricRecord(metrics)
    return content


def with_bytes(client: int, data: bytes) -> RecordDict:
    content = honest(client)
    content["arrays"]["fc"] = Array("int32", (30,), "numpy.ndarray", data)
    return content


def without(client: int, name: str) -> RecordDict:
    return RecordDict({k: v for k, v in honest(client).items() if k != name})


MALFORMED: dict[str, tuple[str, Callable[[int], RecordDict]]] = {
    "no arrays": ("no-update", lambda c: without(c, "arrays")),
    "no metrics": ("sample-count", lambda c: without(c, "metrics")),
    "empty": ("no-update", lambda c: RecordDict()),
    "a layer is missing": ("wrong-layers", lambda c: changed(c, conv=None)),
    "a layer too many": ("wrong-layers", lambda c: changed(c, more=np.arange(3, dtype=np.int32))),
    "float32": ("wrong-dtype", lambda c: changed(c, fc=ranking(c)["fc"].astype(np.float32))),
    "int64": ("wrong-dtype", lambda c: changed(c, fc=ranking(c)["fc"].astype(np.int64))),
    "big-endian": ("wrong-dtype", lambda c: changed(c, fc=ranking(c)["fc"].astype(">i4"))),
    "text": ("wrong-dtype", lambda c: changed(c, fc=np.array(["x"] * 30))),
    "short": ("wrong-shape", lambda c: changed(c, fc=ranking(c)["fc"][:-1])),
    "two-dimensional": ("wrong-shape", lambda c: changed(c, fc=ranking(c)["fc"].reshape(5, 6))),
    "scalar": ("wrong-shape", lambda c: changed(c, fc=np.array(3, dtype=np.int32))),
    "too high": ("out-of-range", lambda c: with_value(c, 30)),
    "negative": ("out-of-range", lambda c: with_value(c, -1)),
    "huge": ("out-of-range", lambda c: with_value(c, 2**31 - 1)),
    "a rank twice": (
        "not-a-permutation",
        lambda c: with_value(c, (int(ranking(c)["fc"][3]) + 1) % 30),
    ),
    "all equal": ("not-a-permutation", lambda c: changed(c, fc=np.zeros(30, dtype=np.int32))),
    "NaN": ("wrong-dtype", lambda c: changed(c, fc=np.full(30, np.nan, dtype=np.float32))),
    "garbage bytes": ("undecodable", lambda c: with_bytes(c, b"\x00" * 100)),
    "truncated bytes": (
        "undecodable",
        lambda c: with_bytes(c, Array(ranking(c)["fc"]).data[:-5]),
    ),
    "negative examples": ("sample-count", lambda c: with_examples(c, {"num-examples": -39})),
    "absurd examples": ("sample-count", lambda c: with_examples(c, {"num-examples": 10**12})),
    "examples as a list": ("sample-count", lambda c: with_examples(c, {"num-examples": [1, 2]})),
}


def run_round(
    answer: Callable[[Message, Context], Message], clients: int = 8
) -> tuple[FRL, dict[str, np.ndarray] | None, MetricRecord | None]:
    app = ClientApp()
    app.train()(answer)
    strategy = FRL(clients=clients, clients_per_round=clients, seed=0)
    grid = InProcessGrid(app, clients)
    sent = strategy.configure_train(1, arrays_record(ranking(999)), ConfigRecord(), grid)
    arrays, metrics = strategy.aggregate_train(1, grid.send_and_receive(sent))
    return strategy, None if arrays is None else read_arrays(arrays), metrics


def vote_of(clients: list[int]) -> dict[str, np.ndarray]:
    vote = Vote(ranking(999))
    for client in clients:
        vote.add(ranking(client))
    return vote.result()


def assert_same(found: dict[str, np.ndarray] | None, expected: dict[str, np.ndarray]) -> None:
    assert found is not None
    assert list(found) == list(expected)
    for name, positions in expected.items():
        np.testing.assert_array_equal(found[name], positions)


def test_a_round_counts_the_vote_of_everyone() -> None:
    strategy, found, metrics = run_round(
        lambda m, c: Message(honest(read_task(m).client), reply_to=m)
    )

    assert_same(found, vote_of(list(range(8))))
    assert strategy.report is not None
    assert strategy.report.admitted == tuple(range(8))
    assert metrics is not None
    assert (metrics["admitted"], metrics["rejected"]) == (8, 0)


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_reply_is_a_counted_rejection_and_changes_nothing_else(kind: str) -> None:
    reason, make = MALFORMED[kind]

    def answer(message: Message, context: Context) -> Message:
        client = read_task(message).client
        content = make(client) if client in (2, 5) else honest(client)
        return Message(content, reply_to=message)

    strategy, found, _ = run_round(answer)

    assert strategy.report is not None
    assert strategy.report.reasons == {reason: 2}
    assert [row.client for row in strategy.report.rejected] == [2, 5]
    assert_same(found, vote_of([0, 1, 3, 4, 6, 7]))


def test_clients_that_raise_or_reply_with_an_error_are_rejected() -> None:
    def answer(message: Message, context: Context) -> Message:
        client = read_task(message).client
        if client == 1:
            raise RuntimeError("boom")
        if client == 2:
            return Message(Error(code=7, reason="tired"), reply_to=message)
        return Message(honest(client), reply_to=message)

    strategy, found, _ = run_round(answer)

    assert strategy.report is not None
    assert [(r.client, r.reason, r.detail) for r in strategy.report.rejected] == [
        (1, "error", "RuntimeError: boom"),
        (2, "error", "tired"),
    ]
    assert_same(found, vote_of([0, 3, 4, 5, 6, 7]))


def test_votes_of_the_unasked_second_votes_and_silence() -> None:
    app = ClientApp()
    app.train()(lambda m, c: Message(honest(read_task(m).client), reply_to=m))
    strategy = FRL(clients=20, clients_per_round=4, seed=0)
    grid = InProcessGrid(app, 20)
    sent = strategy.configure_train(1, arrays_record(ranking(999)), ConfigRecord(), grid)
    asked = [read_task(message).client for message in sent]
    replies = list(grid.send_and_receive(sent))
    stranger = FRL(clients=20, clients_per_round=20, seed=0).configure_train(
        1, arrays_record(ranking(999)), ConfigRecord(), grid
    )
    unasked = list(grid.send_and_receive(stranger[:2]))

    arrays, _ = strategy.aggregate_train(1, [*replies[:3], replies[0], *unasked])

    assert arrays is not None
    assert strategy.report is not None
    assert strategy.report.reasons == {"duplicate": 1, "late": 1, "not-asked": 2}
    assert {r.client for r in strategy.report.rejected if r.reason == "late"} == {asked[3]}
    assert_same(read_arrays(arrays), vote_of(sorted(asked[:3])))


def test_a_round_without_an_admitted_reply_keeps_the_state_and_says_so() -> None:
    def answer(message: Message, context: Context) -> Message:
        raise RuntimeError("boom")

    strategy, found, metrics = run_round(answer)

    assert found is None
    assert strategy.report is not None
    assert strategy.report.kept == "no reply was admitted"
    assert strategy.report.reasons == {"error": 8}
    assert metrics is not None
    assert metrics["admitted"] == 0


def test_runs_in_flowers_own_loop() -> None:
    app = ClientApp()
    app.train()(lambda m, c: Message(honest(read_task(m).client), reply_to=m))
    strategy = FRL(clients=8, clients_per_round=8, seed=0)

    result = strategy.start(InProcessGrid(app, 8), arrays_record(ranking(999)), num_rounds=1)

    assert_same(read_arrays(result.arrays), vote_of(list(range(8))))


@pytest.mark.parametrize("per_round", [0, 6])
def test_an_impossible_sample_is_refused(per_round: int) -> None:
    with pytest.raises(InputError, match=f"got {per_round}; takes 1 to clients = 5"):
        FRL(clients=5, clients_per_round=per_round)


def test_arrays_of_other_records_do_not_stand_in_for_the_update() -> None:
    def answer(message: Message, context: Context) -> Message:
        client = read_task(message).client
        content = honest(client)
        if client == 0:
            content = RecordDict({"other": content["arrays"], "metrics": content["metrics"]})
        return Message(content, reply_to=message)

    strategy, found, _ = run_round(answer)

    assert strategy.report is not None
    assert strategy.report.reasons == {"no-update": 1}
    assert_same(found, vote_of(list(range(1, 8))))
