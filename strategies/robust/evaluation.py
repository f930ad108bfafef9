"""The gate for replies of clients that evaluate: one record of metrics, like most clients'."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable, Sequence

from flwr.app import Message, RecordDict

from strategies.asked import Asked, Rejected
from strategies.robust.limits import Limits
from strategies.robust.metrics import Metrics, read_metrics, unlike_most

log = logging.getLogger(__name__)


class Evaluation:
    """The evaluation of one round.

    Parameters
    ----------
    messages : sequence of Message
        Of the round.
    weight_key : str
        Of the metric that holds the number of examples.
    limits : Limits
    """

    def __init__(self, messages: Sequence[Message], weight_key: str, limits: Limits) -> None:
        self._asked = Asked((message, message.metadata.dst_node_id) for message in messages)
        self._key, self._limits = weight_key, limits

    def admitted(self, replies: Iterable[Message]) -> list[Message]:
        """Return the replies whose metrics can be averaged, with nothing in them but these.

        None where nobody declares an example.
        """
        found: list[tuple[int, Message, Metrics]] = []
        rejected: list[Rejected] = []
        for reply in replies:
            verdict = self._asked.judge(reply, self._read)
            if isinstance(verdict, Rejected):
                rejected.append(verdict)
            else:
                found.append(verdict)
        odd = unlike_most((node, metrics.shape) for node, _, metrics in found)
        for node, reason, detail in (*rejected, *odd):
            log.warning("evaluation, node %d: %s: %s", node, reason, detail)
        out = {rejection.client for rejection in odd}
        kept = [(reply, metrics) for node, reply, metrics in found if node not in out]
        if not sum(metrics.examples for _, metrics in kept):
            return []
        return [_with_only(reply, metrics) for reply, metrics in kept]

    def _read(self, reply: Message, node: int) -> tuple[int, Message, Metrics]:
        return node, reply, read_metrics(reply.content, self._key, self._limits)


def _with_only(reply: Message, metrics: Metrics) -> Message:
    other = copy.copy(reply)
    other.content = RecordDict({metrics.name: metrics.record})
    return other
