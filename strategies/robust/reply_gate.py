"""The gate for replies of any Flower app: one record of arrays like those sent, one of metrics."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from flwr.app import ArrayRecord, Message, RecordDict

from frl.arrays import Arrays
from frl.exchange.app_arrays import the_only
from strategies.asked import Asked, Rejected
from strategies.robust.differences import require_near
from strategies.robust.limits import Limits
from strategies.robust.metrics import Shape, read_metrics, unlike_most
from strategies.robust.model_state import ModelState

log = logging.getLogger(__name__)


class Admitted(NamedTuple):
    """A reply that takes part.

    Attributes
    ----------
    node : int
    arrays : dict of str to array
        As it sent them.
    examples : float
        As the client declares it.
    message : Message
        As it came.
    content : RecordDict
        The records that were read, and no other.
    shape : Shape
        Of its metrics.
    """

    node: int
    arrays: Arrays
    examples: float
    message: Message
    content: RecordDict
    shape: Shape


class TrainGate:
    """Admit each asked node once a round.

    Parameters
    ----------
    asked : sequence of (Message, int)
        The messages of the round and the nodes they went to.
    state : ModelState
    limits : Limits
    key : str
        Of the metric that holds the number of examples.
    """

    def __init__(
        self, asked: Sequence[tuple[Message, int]], state: ModelState, limits: Limits, key: str
    ) -> None:
        self._asked = Asked(asked)
        self._state, self._limits, self._key = state, limits, key

    def judge(self, reply: Message) -> Admitted | Rejected:
        """Admit a reply, or reject it with a reason; never raises."""
        return self._asked.judge(reply, self._admit)

    def silent(self) -> list[Rejected]:
        """Nodes that have not answered."""
        return self._asked.silent()

    def _admit(self, reply: Message, node: int) -> Admitted:
        content = reply.content
        name, arrays = the_only(content, ArrayRecord)
        metrics = read_metrics(content, self._key, self._limits)
        read = self._state.read(arrays)
        require_near(self._state, read, self._limits.most_norm)
        kept = RecordDict({name: arrays, metrics.name: metrics.record})
        return Admitted(node, read, metrics.examples, reply, kept, metrics.shape)


def collect(
    gate: TrainGate, replies: Iterable[Message], clients: Mapping[int, int]
) -> tuple[list[Admitted], list[Rejected]]:
    """Judge all replies of a round; what was admitted comes in the order of the clients."""
    admitted: list[Admitted] = []
    rejected: list[Rejected] = []
    for reply in replies:
        verdict = gate.judge(reply)
        if isinstance(verdict, Admitted):
            admitted.append(verdict)
        else:
            rejected.append(verdict)
    odd = unlike_most((reply.node, reply.shape) for reply in admitted)
    rejected += [*odd, *gate.silent()]
    out = {rejection.client for rejection in odd}
    kept = sorted((r for r in admitted if r.node not in out), key=lambda reply: clients[reply.node])
    for node, reason, detail in rejected:
        log.warning("client %d (node %d): %s: %s", clients.get(node, -1), node, reason, detail)
    return kept, rejected
