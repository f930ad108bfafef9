"""A plugin of runs: a round is ``timeout`` seconds later once all replies but one are there.

So a test of a node that never answers need not wait, and no slow machine makes others late.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from flwr.app import Message

from frl.grids import guarded

_answers = guarded.GuardedGrid.send_and_receive


class _Clock:
    ahead = 0.0

    @classmethod
    def monotonic(cls) -> float:
        return time.monotonic() + cls.ahead


def _send_and_receive(
    self: guarded.GuardedGrid, messages: Iterable[Message], *, timeout: float | None = None
) -> Iterator[Message]:
    sent = list(messages)
    for came, reply in enumerate(_answers(self, sent, timeout=timeout), 1):
        if came == len(sent) - 1:
            _Clock.ahead += timeout or 0.0
        yield reply


guarded.time = _Clock  # type: ignore[attr-defined]
guarded.GuardedGrid.send_and_receive = _send_and_receive  # type: ignore[method-assign]
