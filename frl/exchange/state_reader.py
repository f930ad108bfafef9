"""The global state that a request carries, and what a client remembers of the last one."""

from __future__ import annotations

from threading import Lock
from typing import cast

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, RecordDict

from frl.exchange.channel import Channel
from frl.exchange.messages import ARRAYS, CONFIG, REMEMBER, arrays_record, read_arrays, read_task
from frl.wire.base import Base

_STATE, _ROUND = "seen", "seen-round"
"""Names of the records that a client keeps: the last global state it read, and its round."""


class StateReader:
    """Reads the global state of requests; once a round, for the messages of a round share it.

    Parameters
    ----------
    channel : Channel
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._parts: list[bytes] = []
        self._base = Base(0, {})
        self._reading = Lock()

    def __call__(self, request: Message, memory: RecordDict | None = None) -> Base:
        """Return the global state of a request and its round.

        Parameters
        ----------
        request : Message
        memory : RecordDict or None
            What this client remembers between rounds; the state is kept there if the request asks.
        """
        with self._reading:
            return self._read(request, memory)

    def _read(self, request: Message, memory: RecordDict | None) -> Base:
        record = cast(ArrayRecord, request.content[ARRAYS])
        task = read_task(request)
        round = task.round
        parts = [array.data for array in record.values()]
        same = len(parts) == len(self._parts) and all(
            new is old for new, old in zip(parts, self._parts, strict=True)
        )
        if not parts or not same or round != self._base.round:
            state = self._channel.read_state(record, _recall(memory), seed=task.seed)
            self._base = Base(round, state)
            self._parts = parts
        if memory is not None and cast(ConfigRecord, request.content[CONFIG]).get(REMEMBER):
            memory[_STATE] = arrays_record(self._base.state)
            memory[_ROUND] = arrays_record({_ROUND: np.array([round], np.int32)})
        return self._base


def _recall(memory: RecordDict | None) -> Base | None:
    """Return the global state that a client read last and its round."""
    state = memory.get(_STATE) if memory is not None else None
    round = memory.get(_ROUND) if memory is not None else None
    if not isinstance(state, ArrayRecord) or not isinstance(round, ArrayRecord):
        return None
    return Base(int(read_arrays(round)[_ROUND][0]), read_arrays(state))
