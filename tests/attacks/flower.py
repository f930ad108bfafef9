"""A small Flower world: messages, a codec for them, and a grid that runs a ClientApp in process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import uuid4

import numpy as np
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
from flwr.serverapp import Grid
from flwr.supercore.task_identity import TaskIdentity

from attacks.base import Update
from frl.shard_transform import transformed
from frl.simulation import SIMULATED
from tests.attacks import builders

SHIFT = 100  # node id = client id + SHIFT


def identify() -> None:
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 1, 1, 1


def arrays_of(update: Update) -> ArrayRecord:
    return ArrayRecord({name: Array(layer) for name, layer in update.items()})


def update_of(content: RecordDict) -> Update:
    return {name: array.numpy() for name, array in content.array_records["arrays"].items()}


def request(client: int, round: int, state: Update, kind: str = "train") -> Message:
    config = ConfigRecord({"client": client, "round": round})
    content = RecordDict({"arrays": arrays_of(state), "config": config})
    return Message(content, dst_node_id=client + SHIFT, message_type=kind, group_id=str(round))


class SimpleCodec:
    """Reads the records above; keeps count of what it was asked to read."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def client_of(self, request: Message) -> int:
        return int(request.content.config_records["config"]["client"])  # type: ignore[arg-type]

    def round_of(self, request: Message) -> int:
        return int(request.content.config_records["config"]["round"])  # type: ignore[arg-type]

    def state_of(self, request: Message) -> Update:
        return update_of(request.content)

    def read_update(self, reply: Message, request: Message) -> Update:
        assert reply.metadata.reply_to_message_id == request.metadata.message_id
        self.read.append(self.client_of(request))
        return update_of(reply.content)

    def with_update(self, reply: Message, request: Message, update: Update) -> Message:
        content = RecordDict({**reply.content, "arrays": arrays_of(update)})
        return _copy(reply, content)

    def for_client(self, request_: Message, client: int) -> Message:
        return request(client, self.round_of(request_), self.state_of(request_))


def _copy(message: Message, content: RecordDict) -> Message:
    other = Message(content, reply_to=message)
    other.__dict__["_metadata"] = message.metadata
    return other


def honest(client: int, round: int) -> Update:
    """What a client's training gives in this world."""
    return builders.rankings(1, seed=1000 * round + client)[0]


def make_app(mods: Any = (), seen: list[Any] | None = None) -> ClientApp:
    """A client that sends :func:`honest`, after telling what message and shard it got."""
    app = ClientApp(mods=list(mods))

    @app.train()
    def train(message: Message, context: Context) -> Message:
        client = int(message.content.config_records["config"]["client"])  # type: ignore[arg-type]
        round = int(message.content.config_records["config"]["round"])  # type: ignore[arg-type]
        images = np.full((10, 1, 8, 8), 7, np.uint8)
        shard = transformed(images, np.arange(10, dtype=np.int64))
        if seen is not None:
            seen.append((client, sorted(message.content), shard))
        if client in CRASHING:
            raise RuntimeError("crashed")
        content = RecordDict(
            {
                "arrays": arrays_of(honest(client, round)),
                "metrics": MetricRecord({"num-examples": 40 + client, "loss": 0.5}),
            }
        )
        return Message(content, reply_to=message)

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        metrics = MetricRecord({"num-examples": 1})
        return Message(RecordDict({"metrics": metrics}), reply_to=message)

    return app


CRASHING: set[int] = set()


class FakeGrid(Grid):
    """Runs a ClientApp in process, lazily and in the order sent; keeps what was sent."""

    def __init__(self, app: ClientApp, node_config: Any = None) -> None:
        identify()
        self._app, self._node_config = app, node_config or {SIMULATED: True}
        self.sent: list[Message] = []
        self.answered: list[int] = []
        self._waiting: dict[str, Message] = {}
        self.silent: set[int] = set()
        self.timeouts: list[float | None] = []

    def set_run(self, run: Any) -> None:
        self.run_set = run

    @property
    def run(self) -> Any:
        return "the run"

    def create_message(self, content, message_type, dst_node_id, group_id, ttl=None):  # type: ignore[no-untyped-def]
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> list[int]:
        return [SHIFT, SHIFT + 1]

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        ids = []
        for message in messages:
            message.metadata.__dict__["_message_id"] = str(uuid4())
            self.sent.append(message)
            self._waiting[message.metadata.message_id] = message
            ids.append(message.metadata.message_id)
        return ids

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        ready = []
        for message_id in message_ids:
            message = self._waiting.get(message_id)
            if message is not None and message.metadata.dst_node_id - SHIFT not in self.silent:
                del self._waiting[message_id]
                ready.append(self._answer(message))
        return ready

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterator[Message]:
        self.timeouts.append(timeout)
        return (
            reply for i in self.push_messages(list(messages)) for reply in self.pull_messages([i])
        )

    def _answer(self, message: Message) -> Message:
        node = message.metadata.dst_node_id
        self.answered.append(node - SHIFT)
        context = Context(1, node, self._node_config, RecordDict(), {})
        try:
            return self._app(message, context)
        except Exception as error:  # as Flower's runtimes answer for a client that raised
            return Message(Error(code=2, reason=str(error)), reply_to=message)
