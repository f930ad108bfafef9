"""The engine for tests, debugging and machines without Ray: one client after another, here."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Iterator

import torch
from flwr.app import Message

from frl.grids.local import LocalGrid


class InProcessGrid(LocalGrid):
    """Run each message's client app in this process when its reply is asked for.

    Client apps run on one thread, as in every engine, so that results agree to the last bit.
    Objects are passed by reference. A client that has begun is not interrupted; messages that
    have not begun at the deadline get no reply.
    """

    def _answer(self, messages: Iterable[Message], deadline: float | None) -> Iterator[Message]:
        for message in messages:
            if deadline is not None and time.monotonic() >= deadline:
                return
            yield self._run_app(message)

    def _run_app(self, message: Message) -> Message:
        context = self._context(message)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            reply = self.client_app(message, context)
        except (Exception, SystemExit) as error:
            reason = f"{type(error).__name__}: {error}"
            return self._failure(message, reason, traceback.format_exc())
        finally:
            torch.set_num_threads(threads)
        self._keep_state(message.metadata.dst_node_id, context.state)
        return reply
