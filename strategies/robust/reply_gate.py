"""The gate for replies of any Flower app: one record of arrays like those sent, one of metrics."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from flwr.app import ArrayRecord, Message, RecordDict
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.exchange.messages import MalformedError
from strategies.asked import Asked, Rejected
from strategies.robust.limits import Limits
from strategies.robust.metrics import Shape, read_metrics, the_only, unlike_most
from strategies.robust.model_state import ModelState

log = logging.getLogger(__name__)

_ROUNDING = 0.99
"""Of a norm in float32: what is below this part of the limit is below it for certain."""


class Admitted(NamedTuple):
    """A reply that takes part.

    Attributes
    ----------
    node : int
    row : int
        Place of its difference in the stack.
    buffers : dict of str to array
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
    row: int
    buffers: Arrays
    examples: float
    message: Message
    content: RecordDict
    shape: Shape


class TrainGate:
    """Admit each asked node once a round, and write its difference to the state into a row.

    Parameters
    ----------
    asked : sequence of (Message, int)
        The messages of the round and the nodes they went to.
    state : ModelState
    limits : Limits
    weight_key : str
        Of the metric that holds the number of examples.

    Attributes
    ----------
    rows : float32 array of shape (asked, d)
    """

    def __init__(
        self, asked: Sequence[tuple[Message, int]], state: ModelState, limits: Limits, key: str
    ) -> None:
        self._asked = Asked(asked)
        self._row_of = {node: row for row, node in enumerate(sorted({node for _, node in asked}))}
        self._state, self._limits, self._key = state, limits, key
        self.rows: NDArray[np.float32] = np.empty((len(asked), sum(state.sizes)), dtype=np.float32)

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
        row = self._row_of[node]
        read = self._state.read(arrays)
        self._state.subtract(read, self.rows[row])
        _require_norm(self.rows[row], self._limits.most_norm)
        kept = RecordDict({name: arrays, metrics.name: metrics.record})
        buffers = {buffer: read[buffer] for buffer in self._state.buffers}
        return Admitted(node, row, buffers, metrics.examples, reply, kept, metrics.shape)


def collect(
    gate: TrainGate, replies: Iterable[Message], clients: Mapping[int, int]
) -> tuple[list[Admitted], list[Rejected]]:
    """Judge all replies of a round; what was admitted comes in the order of its rows."""
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
    kept = sorted((r for r in admitted if r.node not in out), key=lambda reply: reply.row)
    for node, reason, detail in rejected:
        log.warning("client %d (node %d): %s: %s", clients.get(node, -1), node, reason, detail)
    return kept, rejected


def _require_norm(row: NDArray[np.float32], most: float) -> None:
    """Raise unless a row is finite and its norm at most ``most``; exact where it is close."""
    with np.errstate(over="ignore", invalid="ignore"):
        if float(np.dot(row, row)) <= (_ROUNDING * most) ** 2:
            return
    if not np.isfinite(row).all():
        raise MalformedError("non-finite", "a difference to the state")
    norm = float(np.linalg.norm(row.astype(np.float64)))
    if norm > most:
        raise MalformedError("absurd-norm", f"norm is {norm:.3g}, over {most:.3g}")
