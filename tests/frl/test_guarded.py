"""The guard round a grid of Flower's, among replies that Flower cannot unpack or waits for."""

from __future__ import annotations

import time
from collections.abc import Iterable
from threading import Event

import pytest
from flwr.app import ConfigRecord, Message, MessageType, RecordDict

from frl.exchange.messages import CLIENT, CONFIG
from frl.grids import FIRST_NODE, GuardedGrid, InProcessGrid
from frl.grids.roster import NodeRoster
from tests.frl.clients import app

GARBAGE, WITHHELD, FORGED, UNSENT = (FIRST_NODE + client for client in (1, 2, 3, 4))


class Rough(InProcessGrid):
    """Pulls like Flower: all together, raising for one, waiting for another."""

    def __init__(self, clients: int) -> None:
        super().__init__(app, clients)
        self.released = Event()
        self.sent: dict[str, Message] = {}

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        sent = list(messages)
        ids = [f"message-{len(self.sent) + number}" for number in range(len(sent))]
        for message_id, message in zip(ids, sent, strict=True):
            message.metadata.__dict__["_message_id"] = message_id
            self.sent[message_id] = message
        return ids

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        replies = []
        for message in [self.sent[key] for key in message_ids if key in self.sent]:
            node = message.metadata.dst_node_id
            if node == UNSENT:
                continue
            del self.sent[message.metadata.message_id]
            if node == GARBAGE:
                raise ValueError("Error parsing message\x1b[2J")
            if node == WITHHELD:
                self.released.wait(30)
            other = Message(RecordDict(), node, MessageType.TRAIN)
            other.metadata.__dict__["_message_id"] = "message-0"
            record = ConfigRecord({CLIENT: node - FIRST_NODE})
            to = other if node == FORGED else message
            replies.append(Message(RecordDict({CONFIG: record}), reply_to=to))
        return replies


@pytest.fixture
def rough() -> Iterable[Rough]:
    grid = Rough(8)
    yield grid
    grid.released.set()


def questions(grid: Rough, kind: str) -> list[Message]:
    return [Message(RecordDict(), node, kind) for node in grid.get_node_ids()]


def test_what_can_be_read_arrives_the_rest_is_an_error_or_late(rough: Rough) -> None:
    sent = questions(rough, MessageType.TRAIN)
    begun = time.monotonic()

    replies = list(GuardedGrid(rough).send_and_receive(sent, timeout=3.0))

    assert time.monotonic() - begun < 25.0
    answered = {m.metadata.message_id: m.metadata.dst_node_id for m in sent}
    of = {answered[reply.metadata.reply_to_message_id]: reply for reply in replies}
    assert len(of) == len(replies)
    silent = {WITHHELD, FORGED, UNSENT}
    assert set(of) == set(rough.get_node_ids()) - silent
    assert [node for node, reply in of.items() if reply.has_error()] == [GARBAGE]
    assert of[GARBAGE].metadata.src_node_id == GARBAGE
    assert "ValueError: Error parsing" in str(of[GARBAGE].error.reason)


def test_a_round_ends_when_everyone_has_answered(rough: Rough) -> None:
    sent = [Message(RecordDict(), FIRST_NODE, MessageType.TRAIN)]
    begun = time.monotonic()

    assert len(list(GuardedGrid(rough).send_and_receive(sent, timeout=600.0))) == 1
    assert time.monotonic() - begun < 300.0


def test_a_node_whose_claim_cannot_be_read_is_nobody_and_the_others_are_seated(
    rough: Rough,
) -> None:
    roster = NodeRoster(GuardedGrid(rough), 8, patience=0.0)
    deadline = time.monotonic() + 120.0
    while roster.known < 4 and time.monotonic() < deadline:
        roster.refresh()
        time.sleep(0.05)

    assert roster.known == 4
    assert set(roster.nodes_of(range(8))) == {0, 5, 6, 7}
