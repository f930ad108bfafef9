"""The base of our engines: virtual clients behind Flower's public ``Grid``."""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any, Self, TypeAlias

from flwr.app import Array, ArrayRecord, Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid
from numpy.typing import NDArray

from frl.errors import InputError
from frl.grids.internals import RUN_ID, Run, empty_run, identify_process, number
from frl.simulation import SIMULATED

log = logging.getLogger(__name__)

RunConfig: TypeAlias = Mapping[str, bool | float | int | str]
FIRST_NODE = 2
"""Node id of client 0: Flower keeps 0 and 1 for itself."""


class LocalGrid(Grid):
    """Clients ``0 .. clients - 1``, each a node with id ``client + FIRST_NODE``.

    Nothing is kept per client except the records that a client app itself puts into its context's
    state, so a million clients cost nothing until they are asked.

    Parameters
    ----------
    client_app : ClientApp
    clients : int
    run_config : mapping
        Flat configuration that the app finds in ``context.run_config``.
    cohort : int
        Messages that a process works on side by side; see :mod:`frl.cohort`.

    Raises
    ------
    InputError
        If the client app has shards for another number of clients.
    """

    def __init__(
        self,
        client_app: ClientApp,
        clients: int,
        run_config: RunConfig | None = None,
        *,
        cohort: int = 1,
    ) -> None:
        shards = getattr(client_app, "clients", clients)
        if shards != clients:
            raise InputError(f"clients: got {clients}; the client app has {shards} shards")
        identify_process()
        self.cohort = cohort
        self.client_app = client_app
        self.clients = clients
        self.run_config = dict(run_config or {})
        self._numbers = count(1)
        self._replies: dict[str, Message] = {}
        self._states: dict[int, RecordDict] = {}
        self._run = empty_run()
        self._shown = False

    @abstractmethod
    def _answer(self, messages: Iterable[Message], deadline: float | None) -> Iterator[Message]:
        """Run the client app on each message and yield the replies as they come."""

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterator[Message]:
        """Send messages and yield the replies as they arrive; none comes after the deadline.

        Messages are taken from the iterable as clients become free.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        return self._answer(self._numbered(messages), deadline)

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        """Run messages to the end and keep the replies until they are pulled."""
        sent = list(messages)
        for reply in self.send_and_receive(sent):
            self._replies[reply.metadata.reply_to_message_id] = reply
        return [message.metadata.message_id for message in sent]

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        """Hand out kept replies."""
        return [self._replies.pop(key) for key in message_ids if key in self._replies]

    def get_node_ids(self) -> range:
        """Node ids of all clients."""
        return range(FIRST_NODE, FIRST_NODE + self.clients)

    def node_of(self, client: int) -> int:
        """Node id of a client."""
        return client + FIRST_NODE

    def nodes_of(self, clients: Iterable[int]) -> dict[int, int]:
        """Node ids of some clients; they are always there."""
        return {client: self.node_of(client) for client in clients}

    def set_run(self, run: Run) -> None:
        """Set the run information that apps can read."""
        self._run = run

    @property
    def run(self) -> Run:
        """Run information."""
        return self._run

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        """Create a message; ``flwr.app.Message`` does the same."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    @property
    def client_memory(self) -> dict[str, NDArray[Any]]:
        """Arrays that client apps keep in their context's state, by node, record and name."""
        return {
            f"{node}/{record}/{name}": array.numpy()
            for node, state in sorted(self._states.items())
            for record, arrays in state.array_records.items()
            for name, array in arrays.items()
        }

    @client_memory.setter
    def client_memory(self, memory: Mapping[str, NDArray[Any]]) -> None:
        self._states = {}
        for key, array in memory.items():
            node, record, name = key.split("/", 2)
            state = self._states.setdefault(int(node), RecordDict())
            arrays = state.array_records.get(record) or ArrayRecord()
            arrays[name] = Array(array)
            state[record] = arrays

    def use(self, client_app: ClientApp) -> None:
        """Run another client app on the messages to come."""
        self.client_app = client_app

    def close(self) -> None:
        """Give back what the engine holds."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _numbered(self, messages: Iterable[Message]) -> Iterator[Message]:
        for message in messages:
            number(message, f"message-{next(self._numbers)}")
            yield message

    def _context(self, message: Message) -> Context:
        node = message.metadata.dst_node_id
        return client_context(
            node, self.clients, self.run_config, self._states.get(node, RecordDict())
        )

    def _keep_state(self, node: int, state: RecordDict) -> None:
        if len(state):
            self._states[node] = state

    def _failure(self, message: Message, reason: str, traceback: str) -> Message:
        """Make the error reply of a client that raised; the first traceback is shown."""
        node, group = message.metadata.dst_node_id, message.metadata.group_id
        if not self._shown:
            self._shown = True
            log.error(
                "client %d raised in round %s; further failures are only counted\n%s",
                node - FIRST_NODE,
                group or "?",
                traceback,
            )
        return error_reply(message, reason)


def client_context(node: int, clients: int, run_config: RunConfig, state: RecordDict) -> Context:
    """Make the context of one virtual client."""
    return Context(
        run_id=RUN_ID,
        node_id=node,
        node_config={
            "partition-id": node - FIRST_NODE,
            "num-partitions": clients,
            SIMULATED: True,
        },
        state=state,
        run_config=dict(run_config),
    )


def error_reply(message: Message, reason: str) -> Message:
    """Make the reply of a client whose app raised."""
    error = Error(code=ErrorCode.CLIENT_APP_RAISED_EXCEPTION, reason=reason)
    return Message(error, reply_to=message)
