"""Nodes that come, go and claim to be clients."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable

import pytest
from flwr.app import ConfigRecord, Error, Message, RecordDict
from flwr.common.config import parse_config_args
from flwr.superlink.grid.inmemory_grid import InMemoryGrid

from frl.errors import InputError
from frl.grids import GuardedGrid, find_roster
from frl.grids.internals import identify_process, number
from frl.grids.roster import ANY, NodeRoster


class Nodes:
    """A grid of nodes that answer at once with what ``claims`` says, or not at all for ``None``."""

    def __init__(self, claims: dict[int, object]) -> None:
        identify_process()
        self.claims = claims
        self.asked: list[int] = []
        self._open: dict[str, Message] = {}

    def get_node_ids(self) -> Iterable[int]:
        return list(self.claims)

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        for message in messages:
            number(message, f"q{len(self.asked)}")
            self.asked.append(message.metadata.dst_node_id)
            self._open[message.metadata.message_id] = message
        return list(self._open)

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        replies = []
        for key in list(message_ids):
            question = self._open.get(key)
            answer = self.claims.get(question.metadata.dst_node_id) if question else None
            if answer is None or question is None:
                continue
            content = (
                answer
                if isinstance(answer, Error)
                else RecordDict({"config": ConfigRecord({"client-id": answer})})
            )
            reply = Message(content, reply_to=question)
            reply.metadata.__dict__["_src_node_id"] = question.metadata.dst_node_id
            replies.append(reply)
            del self._open[key]
        return replies


def assigned(grid: Nodes, clients: int = 3, *, roster: NodeRoster | None = None) -> dict[int, int]:
    return (roster or NodeRoster(grid, clients, patience=0)).nodes_of(range(clients))


def test_nodes_are_the_clients_they_say() -> None:
    assert assigned(Nodes({70: 2, 50: 0, 90: 1})) == {0: 50, 1: 90, 2: 70}


def test_a_node_is_asked_once() -> None:
    grid = Nodes({70: 2, 50: 0})
    roster = NodeRoster(grid, 3, patience=0)

    for _ in range(3):
        roster.refresh()

    assert sorted(grid.asked) == [50, 70]


def test_the_first_node_of_a_client_keeps_it_until_it_is_gone() -> None:
    grid = Nodes({70: 0})
    roster = NodeRoster(grid, 3, patience=0)
    assert assigned(grid, roster=roster) == {0: 70}

    grid.claims[50] = 0
    assert assigned(grid, roster=roster) == {0: 70}
    del grid.claims[70]
    assert assigned(grid, roster=roster) == {0: 50}


def test_a_node_speaks_for_one_client_only() -> None:
    grid = Nodes({70: 0, 60: 0, 50: 0})

    found = assigned(grid)

    assert list(found) == [0]


def test_a_node_that_comes_back_is_asked_again() -> None:
    grid = Nodes({70: 0})
    roster = NodeRoster(grid, 3, patience=0)
    roster.refresh()
    del grid.claims[70]
    roster.refresh()
    grid.claims[70] = 2

    assert assigned(grid, roster=roster) == {2: 70}


def test_nodes_without_a_claim_take_what_nobody_claims() -> None:
    assert assigned(Nodes({10: ANY, 20: ANY, 30: 0})) == {0: 30, 1: 10, 2: 20}


@pytest.mark.parametrize("answer", [3, -2, "0", 1.0, Error(2, "no client id")])
def test_other_answers_make_a_node_nobody(answer: object, caplog: pytest.LogCaptureFixture) -> None:
    grid = Nodes({10: answer, 20: 1})
    roster = NodeRoster(grid, 3, patience=0)

    assert assigned(grid, roster=roster) == {1: 20}
    assert assigned(grid, roster=roster) == {1: 20}
    assert grid.asked == [10, 20]
    assert caplog.text.count("node 10") == 1


def test_a_silent_node_holds_nobody_up() -> None:
    assert assigned(Nodes({10: None, 20: 1})) == {1: 20}


def test_fewer_clients_than_expected_are_an_error() -> None:
    with pytest.raises(InputError, match=r"3 expected.* 2 nodes connected and 1 of them said"):
        find_roster(Nodes({10: None, 20: 1}), 3, patience=0)  # type: ignore[arg-type]


def test_a_run_may_begin_with_fewer() -> None:
    roster = find_roster(Nodes({20: 1}), 3, least=1, patience=0)  # type: ignore[arg-type]

    assert roster.nodes_of([0, 1]) == {1: 20}


class Simulation(Nodes, InMemoryGrid):
    """The grid of Flower's simulation, as far as a roster sees it."""


@pytest.mark.parametrize("wrapped", [False, True])
def test_too_few_nodes_of_flowers_simulation_are_refused_with_the_command_that_works(
    wrapped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("frl.grids.roster._NODES_WITHIN", 0.0)
    grid = Simulation({7: 0, 8: 1})
    begun = time.monotonic()

    with pytest.raises(InputError, match=r"clients: 50 expected, .* has 2 nodes") as refused:
        find_roster(GuardedGrid(grid) if wrapped else grid, 50, patience=600)  # type: ignore[abstract]

    assert time.monotonic() - begun < 300
    command = re.search(r'--federation-config "(.*)"', str(refused.value))
    assert command
    assert parse_config_args([command[1]], flatten=False)["num-supernodes"] == 50
    find_roster(Simulation({7: 0, 8: 1}), 50, least=2, patience=5)
