"""The codec of this project's own messages."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import cast

from flwr.app import ArrayRecord, Message, MessageType, RecordDict

from attacks.base import Update
from frl.errors import InputError
from frl.exchange.channel import Channel
from frl.exchange.coded_record import is_coded
from frl.exchange.messages import ARRAYS, read_answer, read_data_spec, read_task, train_content
from frl.exchange.plain import plain_channel
from frl.exchange.state_reader import StateReader
from frl.grids import Roster
from frl.wire import Base


class ChannelCodec:
    """Reads and rewrites the messages of a channel for an adversary.

    An attack sees and makes full rankings: of a ballot it reads one that has this ballot, with the
    order of the global ranking within a bucket and without the noise, which anybody can compute.
    What it makes is rounded without noise, so the ballot that is sent is the one it means.

    Parameters
    ----------
    channel : Channel, optional
        How states and updates travel; by default as plain arrays, rankings whole.
    roster : Roster, optional
        Needed to ask clients that the strategy did not ask.
    read_state : callable, optional
        How a client of its own reads the global state of a request.
    check : callable, optional
        What the server admits, given the global state; raises for what it does not. By default
        the reply is one of our own.
    """

    def __init__(
        self,
        channel: Channel | None = None,
        *,
        roster: Roster | None = None,
        read_state: Callable[[Message], Base] | None = None,
        check: Callable[[Update], Callable[[Update], None]] | None = None,
    ) -> None:
        self._channel = channel
        self._roster = roster
        self._base = read_state or StateReader(channel or plain_channel({}))
        self._check = check

    def client_of(self, request: Message) -> int:
        """Client id that a request is for."""
        return read_task(request).client

    def round_of(self, request: Message) -> int:
        """Round that a request belongs to."""
        return read_task(request).round

    def state_of(self, request: Message) -> Update:
        """Global state in a request."""
        return self._base(request).state

    def read_update(self, reply: Message, request: Message) -> Update:
        """Client's update in a reply."""
        base, record = self._base(request), read_answer(reply).record
        task, coded = read_task(request), is_coded(request)
        sent = self._channel_of(base).receive(record, base, task, coded=coded).update
        if self._check is not None:
            self._check(base.state)(sent)
        return self._channel_of(base).undithered(sent, base, task)

    def with_update(self, reply: Message, request: Message, update: Update) -> Message:
        """Return a copy of a reply with another update."""
        other = copy.copy(reply)
        base, task = self._base(request), read_task(request)
        coded = is_coded(request)
        record = self._channel_of(base).send_update(update, base, task, coded=coded)
        other.content = RecordDict({**reply.content, ARRAYS: record})
        return other

    def for_client(self, request: Message, client: int) -> Message | None:
        """Return the same request as a new message to another client, ``None`` if it is away."""
        if self._roster is None:
            raise InputError("attack.colluders: 'all' needs to know the nodes of the clients")
        node = self._roster.nodes_of([client]).get(client)
        if node is None:
            return None
        task = read_task(request)._replace(client=client)
        return Message(
            train_content(_record(request), task, read_data_spec(request)),
            node,
            MessageType.TRAIN,
            group_id=request.metadata.group_id,
        )

    def _channel_of(self, base: Base) -> Channel:
        return self._channel or plain_channel(base.state)


def _record(request: Message) -> ArrayRecord:
    return cast(ArrayRecord, request.content[ARRAYS])
