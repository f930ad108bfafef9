"""A client app that does nothing, and a strategy that only measures how long a round takes."""

from __future__ import annotations

import time
from collections.abc import Iterable

import numpy as np
from flwr.app import (
    Array,
    ArrayRecord,
    ConfigRecord,
    Context,
    Message,
    MessageType,
    MetricRecord,
    RecordDict,
)
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy

app = ClientApp()


@app.train()
def echo(message: Message, context: Context) -> Message:
    """Reply with what came."""
    metrics = MetricRecord({"num-examples": 1})
    content = RecordDict({"arrays": message.content["arrays"], "metrics": metrics})
    return Message(content, reply_to=message)


def state(megabytes: float) -> ArrayRecord:
    """Make an int32 state of some size."""
    count = int(megabytes * 1e6 / 4)
    return ArrayRecord(
        {"positions": Array(np.random.default_rng(0).permutation(count).astype("i4"))}
    )


class Stopwatch(Strategy):
    """Ask the first ``sample`` nodes and note the seconds until their last reply."""

    def __init__(self, sample: int, nodes: int) -> None:
        self.sample = sample
        self.nodes = nodes
        self.seconds: list[float] = []
        self.replies: list[int] = []
        self._begun = 0.0

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> list[Message]:
        """Ask, once all nodes are there."""
        while len(nodes := sorted(grid.get_node_ids())) < self.nodes:
            time.sleep(0.1)
        self._begun = time.perf_counter()
        return [
            Message(
                RecordDict({"arrays": arrays, "config": ConfigRecord({"round": server_round})}),
                node,
                MessageType.TRAIN,
            )
            for node in nodes[: self.sample]
        ]

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Count the replies that hold the state."""
        good = sum(not reply.has_error() and "arrays" in reply.content for reply in replies)
        self.seconds.append(time.perf_counter() - self._begun)
        self.replies.append(good)
        return None, None

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> list[Message]:
        """Ask nobody."""
        return []

    def aggregate_evaluate(
        self, server_round: int, replies: Iterable[Message]
    ) -> MetricRecord | None:
        """Nothing to aggregate."""
        return None

    def summary(self) -> None:
        """Say nothing."""
