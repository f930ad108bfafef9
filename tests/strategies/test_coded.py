"""Coded, rounded and sparse replies through the strategies, with real messages of a real grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from flwr.app import ConfigRecord, Message
from flwr.clientapp import ClientApp

from frl.exchange.channel import Channel
from frl.exchange.forms import Ballots, Whole
from frl.exchange.messages import arrays_record, read_task
from frl.exchange.state_reader import StateReader
from frl.grids import InProcessGrid
from frl.wire.boundaries import boundaries
from strategies import rank_by, rules
from strategies.rules import RuleContext
from tests.strategies.coded import (
    CLIENTS,
    GLOBAL,
    ROWS,
    WAYS,
    N,
    assert_same,
    channel,
    counted,
    honest,
    ranking,
    run_round,
    vote,
)

RULES: dict[str, dict[str, Any]] = {
    "sum": {},
    "median_position": {},
    "trimmed_position": {"f": 2},
    "krum_position": {"f": 2},
    "approval": {},
}


@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_the_vote_is_that_of_brute_force(way: str, coded: bool) -> None:
    line = channel(way, coded=coded)

    found = run_round(vote(line), lambda message: honest(message, line))

    expected = {}
    for name, previous in ranking(GLOBAL).items():
        sums = sum(counted(way, ranking(client)[name]) for client in range(CLIENTS))
        order = sorted(range(previous.size), key=lambda e: (sums[e], previous[e]))
        expected[name] = np.argsort(order)
    assert_same(found, expected)


def on_the_scale_of_ranks(way: str, positions: np.ndarray) -> np.ndarray:
    form, n = WAYS[way][0], positions.size
    if isinstance(form, Ballots):
        first = boundaries(n, form.bits, focus=form.focus)
        bucket = [sum(int(p) >= f for f in first[1:-1]) for p in positions.tolist()]
        return np.array([(int(first[b]) + int(first[b + 1]) - 1) // 2 for b in bucket])
    counts = counted(way, positions)
    return counts if isinstance(form, Whole) else counts // 2


@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("way", ["delta", "ballot-4", "focused", "sparse-delta-mean"])
def test_rank_rules_get_ballots_on_the_scale_of_ranks(way: str, rule: str, coded: bool) -> None:
    line, previous = channel(way, coded=coded), ranking(GLOBAL)
    made = rules.make(rule, **RULES[rule])

    found = run_round(vote(line, made), lambda message: honest(message, line))

    stack = [
        np.concatenate([on_the_scale_of_ranks(way, p) for p in ranking(client).values()])
        for client in range(CLIENTS)
    ]
    context = RuleContext(
        clients=tuple(range(CLIENTS)),
        layers=tuple(N.values()),
        round=1,
        seed=0,
        keep=0.5,
        previous=torch.from_numpy(np.concatenate(list(previous.values()))),
        root=None,
    )
    updates = torch.from_numpy(np.array(stack, dtype=np.int32))
    aggregate, _ = made.aggregate(updates, context, made.initial_state())
    parts = np.split(aggregate.numpy(), np.cumsum(list(N.values()))[:-1])
    expected = {n: rank_by(v, previous[n]) for n, v in zip(N, parts, strict=True)}
    assert_same(found, expected)


@pytest.mark.parametrize("way", WAYS)
def test_the_byte_counter_counts_what_was_encoded(way: str) -> None:
    coded = vote(channel(way, coded=True))
    plain = vote(channel(way, coded=False), measured=lambda round: True)
    lengths: dict[int, int] = {}
    requests: list[int] = []

    def answer(message: Message, line: Channel) -> Any:
        record = honest(message, line)
        if line.coded:
            requests.append(len(message.content["arrays"]["coded"].data))
            lengths[read_task(message).client] = len(record["coded"].data)
        return record

    run_round(coded, lambda m: answer(m, channel(way, coded=True)))
    run_round(plain, lambda m: answer(m, channel(way, coded=False)))

    assert coded.report is not None
    assert coded.report.coded is not None
    assert coded.report.coded.up == np.mean(list(lengths.values()))
    assert coded.report.coded.down == np.mean(requests)
    name = len("coded")
    assert coded.report.bytes_up == sum(lengths.values()) + CLIENTS * name
    assert coded.report.bytes_down == sum(requests) + CLIENTS * name
    assert plain.report is not None
    assert plain.report.coded is not None
    assert plain.report.coded.up == lengths[0], "the sample is the client of lowest id"
    assert plain.report.coded.down == requests[0]
    assert plain.report.coded.layers == coded.report.coded.layers
    assert sum(plain.report.coded.layers.values()) == lengths[0] - 24 - 16 * len(N)


def test_no_sample_is_encoded_unless_it_is_wanted() -> None:
    line = channel("delta", coded=False)
    strategy = vote(line)

    run_round(strategy, lambda message: honest(message, line))

    assert strategy.report is not None
    assert strategy.report.coded is None


@pytest.mark.parametrize("bits", [1, 4])
def test_a_coarse_state_travels_down_as_a_ballot_that_clients_rebuild(bits: int) -> None:
    form, coding = WAYS["ballot-4"]
    line = Channel(N, form, coding, ROWS, coded=True, down_bits=bits, first=ranking(GLOBAL))
    strategy = vote(line)
    coarse = run_round(strategy, lambda message: honest(message, line))
    assert coarse is not None
    grid = InProcessGrid(ClientApp(), CLIENTS)

    request = strategy.configure_train(2, arrays_record(coarse), ConfigRecord(), grid)[0]

    assert_same(StateReader(line)(request).state, coarse)
    size = len(request.content["arrays"]["coded"].data)
    assert 8 * (size - 56) <= (bits + 0.2) * sum(N.values())
