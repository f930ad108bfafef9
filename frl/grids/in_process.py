"""The engine for tests, debugging and machines without Ray: one client after another, here."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from flwr.app import Message

from frl.grids.local import LocalGrid
from frl.grids.side_by_side import chunks, describe_error, run_apps
from frl.one_thread import one_thread


class InProcessGrid(LocalGrid):
    """Run each message's client app in this process when its reply is asked for.

    Client apps run on one thread, as in every engine, so that results agree to the last bit.
    Objects are passed by reference. A client that has begun is not interrupted; messages that
    have not begun at the deadline get no reply.
    """

    def _answer(self, messages: Iterable[Message], deadline: float | None) -> Iterator[Message]:
        for cohort in chunks(messages, self.cohort):
            if deadline is not None and time.monotonic() >= deadline:
                return
            yield from self._run_cohort(cohort)

    def _run_cohort(self, messages: list[Message]) -> Iterator[Message]:
        contexts = [self._context(message) for message in messages]
        with one_thread():
            replies = run_apps(self.client_app, list(zip(messages, contexts, strict=True)))
        for message, context, reply in zip(messages, contexts, replies, strict=True):
            if isinstance(reply, Exception):
                yield self._failure(message, *describe_error(reply))
                continue
            self._keep_state(message.metadata.dst_node_id, context.state)
            yield reply
