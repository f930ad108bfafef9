"""The gate: every reply passes it before any rule sees it, and may be rejected with a reason.

A rejection never stops a round. What a client says of itself is not trusted: whom a reply is from
follows from the message that it answers. Nothing that a client sent is read anywhere else: what is
counted of a reply, the gate read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
from flwr.app import ArrayRecord, Message

from frl.arrays import Arrays
from frl.exchange.forms import Form, Whole
from frl.exchange.messages import MalformedError, Report, read_answer
from frl.exchange.received import Received, Sizes
from strategies.asked import Asked, Rejected

Check: TypeAlias = Callable[[Arrays], None]
"""Raises ``MalformedError`` for an update that a rule must not see."""
Read: TypeAlias = Callable[[ArrayRecord, int], Received]
"""Reads the record that a client sent; raises a ``MessageError``."""

MOST_EXAMPLES = 10_000_000


class Admitted(NamedTuple):
    """A reply that takes part; ``bytes`` and ``coded`` are those of what was received."""

    client: int
    update: Arrays
    report: Report
    bytes: int = 0
    coded: Sizes | None = None


class Gate:
    """Admit each asked client once a round.

    Parameters
    ----------
    asked : iterable of (Message, int)
        The messages of the round and the clients they went to.
    check : Check
        What an update must be.
    read : Read
        How it is read.
    """

    def __init__(self, asked: Iterable[tuple[Message, int]], check: Check, read: Read) -> None:
        self._asked = Asked(asked)
        self._check = check
        self._read = read

    def judge(self, reply: Message) -> Admitted | Rejected:
        """Admit a reply, or reject it with a reason; never raises."""
        return self._asked.judge(reply, self._admit)

    def _admit(self, reply: Message, client: int) -> Admitted:
        record, report = read_answer(reply)
        received = self._read(record, client)
        self._check(received.update)
        if not 0 <= report.examples <= MOST_EXAMPLES:
            raise MalformedError("sample-count", f"num-examples is {report.examples}")
        return Admitted(client, received.update, report, received.bytes, received.coded)

    def silent(self) -> list[Rejected]:
        """Clients that were asked and have not answered, ascending."""
        return self._asked.silent()


def check_layers(update: Arrays, layers: Mapping[str, int], dtype: str) -> None:
    """Raise unless an update has exactly these layers, each a flat array of this size and type."""
    if list(update) != list(layers):
        raise MalformedError("wrong-layers", f"not the {len(layers)} layers of the model")
    for name, n in layers.items():
        if update[name].dtype != np.dtype(dtype):
            raise MalformedError(
                "wrong-dtype", f"layer {name!r} is {update[name].dtype}, not {dtype}"
            )
        if update[name].shape != (n,):
            raise MalformedError(
                "wrong-shape", f"layer {name!r} has shape {update[name].shape}, not {(n,)}"
            )


def ranking_check(layers: Mapping[str, int], form: Form | None = None) -> Check:
    """Admit only rankings, or what a form makes of them: by default permutations; O(n)."""
    sent = form or Whole()

    def check(update: Arrays) -> None:
        check_layers(update, layers, sent.dtype)
        for name in layers:
            fault = sent.fault(update[name])
            if fault is not None:
                raise MalformedError(fault, f"layer {name!r}")

    return check


def weights_check(layers: Mapping[str, int], most_norm: float) -> Check:
    """Admit only finite float32 updates whose Euclidean norm is at most ``most_norm``."""

    def check(update: Arrays) -> None:
        check_layers(update, layers, "float32")
        squares = 0.0
        for name, values in update.items():
            if not np.isfinite(values).all():
                raise MalformedError("non-finite", f"layer {name!r}")
            squares += float(np.dot(values.astype(np.float64), values))
        if squares**0.5 > most_norm:
            raise MalformedError("absurd-norm", f"norm is {squares**0.5:.3g}, over {most_norm:.3g}")

    return check
