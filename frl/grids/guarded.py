"""A grid of Flower's runtimes that no node can stop or hold up, whatever it sends or withholds."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import NamedTuple

from flwr.app import Message
from flwr.serverapp import Grid

from frl.grids.forwarding import ForwardingGrid
from frl.grids.internals import Metadata, failed

_SHORTEST, _LONGEST = 0.1, 1.0
"""Seconds between two looks for one reply."""
_LOOKS = 50
"""Looks a second for all replies together, at most."""


class _Pull(NamedTuple):
    """One reply that is waited for; ``stop`` ends the waiting once Flower returns."""

    stop: Event
    found: SimpleQueue[Message]


class GuardedGrid(ForwardingGrid):
    """Pull every reply by itself, in a thread of its own.

    Flower pulls replies together, unpacks them outside its own error handling, and waits for parts
    that a node has announced and not sent. Here a reply that cannot be unpacked is an error of the
    node that was asked, the others arrive, and nothing is waited for beyond the deadline. A reply
    is taken only as the answer to the message that it was pulled for, whatever it says itself.

    Parameters
    ----------
    grid : Grid
        The one to wrap.
    """

    def __init__(self, grid: Grid) -> None:
        super().__init__(grid)
        self._asked: dict[str, Metadata] = {}
        self._pulls: dict[str, _Pull] = {}

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterator[Message]:
        """Send messages and yield the replies as they arrive; none comes after the deadline."""
        deadline = None if timeout is None else time.monotonic() + timeout
        waiting = {message_id for message_id in self.push_messages(messages) if message_id}
        arrived: SimpleQueue[Message] = SimpleQueue()
        stop = Event()
        self._follow(sorted(waiting), _Pull(stop, arrived))
        try:
            while waiting:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                try:
                    reply = arrived.get(timeout=left)
                except Empty:
                    return
                waiting.discard(reply.metadata.reply_to_message_id)
                yield reply
        finally:
            stop.set()

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        """Send messages and return their ids."""
        sent = list(messages)
        ids = list(self._grid.push_messages(sent)) if sent else []
        self._asked.update((message.metadata.message_id, message.metadata) for message in sent)
        return ids

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        """Return the replies that have arrived; waits for none."""
        wanted = list(message_ids)
        for message_id in wanted:
            if message_id in self._asked:
                self._pulls[message_id] = _Pull(Event(), SimpleQueue())
                self._follow([message_id], self._pulls[message_id])
        pulls = self._pulls
        there = [key for key in wanted if key in pulls and not pulls[key].found.empty()]
        return [pulls.pop(message_id).found.get() for message_id in there]

    def _follow(self, message_ids: list[str], pull: _Pull) -> None:
        longest = max(_LONGEST, len(message_ids) / _LOOKS)
        for place, message_id in enumerate(message_ids):
            about = (self._asked.pop(message_id), pull, _SHORTEST + place / _LOOKS, longest)
            Thread(target=self._look, args=about, name="pull", daemon=True).start()

    def _look(self, asked: Metadata, pull: _Pull, pause: float, longest: float) -> None:
        """Look for one reply until it is there, cannot be read, or nobody waits for it."""
        while not pull.stop.wait(pause):
            try:
                replies = list(self._grid.pull_messages([asked.message_id]))
            except Exception as fault:
                reason = f"the reply cannot be read: {type(fault).__name__}: {fault}"
                replies = [failed(asked, reason)]
            for reply in replies:
                if reply.metadata.reply_to_message_id == asked.message_id:
                    pull.found.put(reply)
                    return
            pause = min(2 * pause, longest)
