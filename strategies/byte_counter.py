"""The byte counter: sizes of the messages of a round, measured on what was encoded.

The counter sees what the gate read of the admitted replies, and no reply.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from flwr.app import ArrayRecord

from frl.arrays import Arrays
from frl.exchange.channel import Channel
from frl.exchange.coded_record import coded_message
from frl.exchange.received import Sizes
from frl.task import Task
from frl.wire import Base
from strategies.client_states import ClientStates
from strategies.gate import Admitted


class Coded(NamedTuple):
    """Sizes of the coded messages of a round.

    Attributes
    ----------
    up, down : float
        Bytes a client: the mean of the replies admitted, or of one that was encoded to measure.
    layers : dict of layer name to int
        Payload of the admitted client of lowest id.
    """

    up: float
    down: float
    layers: dict[str, int]


class ByteCounter:
    """Counts the replies of one round.

    Coded messages are measured as they come. Of plain ones, the admitted client of lowest id is
    encoded at the end, if a sample is wanted; only its update is held until then.

    Parameters
    ----------
    channel : Channel
    base : Base
        The global state of the round.
    sent : sequence of ArrayRecord
        What each client was sent.
    states : ClientStates
        What each client held before.
    seed : int
        Of the run.
    sample : bool
        Whether to encode where messages are plain.
    """

    def __init__(
        self,
        channel: Channel,
        base: Base,
        sent: Sequence[ArrayRecord],
        states: ClientStates,
        *,
        seed: int,
        sample: bool,
    ) -> None:
        self.bytes_up = 0
        self._channel = channel
        self._base = base
        self._states = states
        self._seed = seed
        self._down = [len(message) for message in map(coded_message, sent) if message is not None]
        self._sample = sample and not self._down
        self._first = -1
        self._update: Arrays = {}
        self._sizes: Sizes | None = None
        self._lengths: list[int] = []

    def add(self, reply: Admitted) -> None:
        """Count an admitted reply."""
        self.bytes_up += reply.bytes
        lowest = self._first < 0 or reply.client < self._first
        if reply.coded is not None:
            self._lengths.append(reply.coded.total)
        if lowest and (reply.coded is not None or self._sample):
            self._first = reply.client
            self._sizes = reply.coded
            self._update = reply.update if self._sample else {}

    def coded(self) -> Coded | None:
        """Sizes of coded messages; ``None`` where there was nothing to measure."""
        if self._first < 0:
            return None
        if self._sizes is not None:
            return Coded(fmean(self._lengths), fmean(self._down), self._sizes.layers)
        task = Task(self._base.round, self._first, self._seed)
        up = self._channel.measure(self._update, self._base, task)
        down = self._states.encoded(self._base, self._first)
        return Coded(up.total, len(down), up.layers)
