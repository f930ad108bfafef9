"""What a server knows its clients to hold."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from frl.wire import Base
from strategies.seen import Seen


def base(round: int) -> Base:
    return Base(round, {"fc": np.random.default_rng(round).permutation(5).astype(np.int32)})


def test_only_clients_that_answered_hold_a_ranking() -> None:
    seen = Seen(2)
    seen.settle(base(1), asked=[1, 2, 3], admitted=[1, 2])
    seen.settle(base(2), asked=[2, 4], admitted=[4])

    held = {client: seen.base_of(client) for client in range(6)}

    assert {client: b.round for client, b in held.items() if b} == {1: 1, 4: 2}


def test_nothing_is_kept_without_a_history() -> None:
    seen = Seen(0)
    seen.settle(base(1), asked=[1], admitted=[1])

    assert seen.base_of(1) is None
    assert seen.memory == {}


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9))), max_size=12),
)
def test_a_long_run_agrees_with_its_history_and_keeps_no_more_than_it_must(
    rounds: int, history: list[tuple[set[int], set[int]]]
) -> None:
    seen, last = Seen(rounds), dict[int, int]()
    for number, (asked, answering) in enumerate(history, start=1):
        admitted = asked & answering
        seen.settle(base(number), asked, admitted)
        last = {c: r for c, r in last.items() if c not in asked} | dict.fromkeys(admitted, number)
    other = Seen(rounds)
    other.memory = seen.memory

    for client in range(10):
        expected = last.get(client, 0)
        held = expected if expected > len(history) - rounds else 0
        for kept in (seen, other):
            found = kept.base_of(client)
            assert (found.round if found else 0) == held
            if found:
                np.testing.assert_array_equal(found.ranking["fc"], base(held).ranking["fc"])
    assert len(seen.memory) <= rounds + 1
