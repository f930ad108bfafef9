"""What a server knows its clients to hold."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from flwr.app import ConfigRecord
from hypothesis import given
from hypothesis import strategies as st

from frl.exchange.channel import Channel
from frl.exchange.coded_record import coded_message
from frl.exchange.messages import arrays_record, read_task
from frl.grids.internals import identify_process
from frl.wire import Base, base_round
from strategies import FRL
from strategies.client_states import ClientStates


def base(round: int) -> Base:
    return Base(round, {"fc": np.random.default_rng(round).permutation(5).astype(np.int32)})


def states_of(history: int) -> ClientStates:
    return ClientStates(Channel(history=history))


def test_only_clients_that_answered_hold_a_ranking() -> None:
    states = states_of(2)
    states.record_round(base(1), asked=[1, 2, 3], admitted=[1, 2])
    states.record_round(base(2), asked=[2, 4], admitted=[4])

    held = {client: states.held_by(client) for client in range(6)}

    assert {client: b.round for client, b in held.items() if b} == {1: 1, 4: 2}


def test_nothing_is_kept_without_a_history() -> None:
    states = states_of(0)
    states.record_round(base(1), asked=[1], admitted=[1])

    assert states.held_by(1) is None
    assert states.memory == {}


class Roster:
    """Client 0 is on one node, client 1 on another one each time, client 2 away every other time.

    The rest stays where it is.
    """

    def __init__(self) -> None:
        self.time = 0

    def nodes_of(self, clients: Iterable[int]) -> dict[int, int]:
        self.time += 1
        nodes = {0: 10, 1: 20 + self.time, 2: 30}
        return {c: nodes[c] for c in clients if c != 2 or self.time % 2}


def test_a_client_on_another_node_or_back_from_elsewhere_is_sent_what_anybody_can_read() -> None:
    identify_process()
    first = base(0).state
    channel = Channel({"fc": 5}, coded=True, history=4, first=first)
    strategy = FRL(clients=3, clients_per_round=3, roster=Roster(), channel=channel)
    bases = []

    for round in (1, 2, 3):
        state = arrays_record(base(round).state)
        asked = strategy.configure_train(round, state, ConfigRecord(), None)  # type: ignore[arg-type]
        records = {read_task(m).client: coded_message(m.content["arrays"]) for m in asked}
        bases.append({client: base_round(record) for client, record in records.items()})
        strategy.client_states.record_round(
            base(round), asked=[0, 1], admitted=[0, 1, 2] if round == 1 else [0, 1]
        )

    assert bases == [{0: 0, 1: 0, 2: 0}, {0: 1, 1: 0}, {0: 2, 1: 0, 2: 0}]


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9))), max_size=12),
)
def test_a_long_run_agrees_with_its_history_and_keeps_no_more_than_it_must(
    rounds: int, history: list[tuple[set[int], set[int]]]
) -> None:
    states, last = states_of(rounds), dict[int, int]()
    for number, (asked, answering) in enumerate(history, start=1):
        admitted = asked & answering
        states.record_round(base(number), asked, admitted)
        last = {c: r for c, r in last.items() if c not in asked} | dict.fromkeys(admitted, number)
    other = states_of(rounds)
    other.memory = states.memory

    for client in range(10):
        expected = last.get(client, 0)
        held = expected if expected > len(history) - rounds else 0
        for kept in (states, other):
            found = kept.held_by(client)
            assert (found.round if found else 0) == held
            if found:
                np.testing.assert_array_equal(found.state["fc"], base(held).state["fc"])
    assert len(states.memory) <= rounds + 1
