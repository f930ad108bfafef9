"""The messages of a round that wait for an answer, and the rejection of what is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from flwr.app import Message

from frl.errors import MessageError
from frl.one_line import one_line

UNKNOWN = -1

_Taken = TypeVar("_Taken")


class Rejected(NamedTuple):
    """A reply that does not take part; ``client`` is ``UNKNOWN`` where nobody was asked.

    The detail is one printable line, whatever the client sent.
    """

    client: int
    reason: str
    detail: str


class Asked:
    """The messages of a round and the clients they went to, each of which may answer once.

    Messages need no id yet: engines number them when they are sent. What a reply says of its
    sender is not looked at.

    Parameters
    ----------
    asked : iterable of (Message, int)
    """

    def __init__(self, asked: Iterable[tuple[Message, int]]) -> None:
        self._asked = tuple(asked)
        self._client_of: dict[str, int] = {}
        self._answered: set[int] = set()

    def judge(self, reply: Message, read: Callable[[Message, int], _Taken]) -> _Taken | Rejected:
        """Read a reply, or reject it with a reason; never raises.

        Parameters
        ----------
        reply : Message
        read : callable
            Reads the reply of a client; raises a ``MessageError``, or anything, for what must not
            be admitted.
        """
        try:
            client = self._client_of_reply(reply)
        except Exception as fault:
            return Rejected(UNKNOWN, "not-asked", f"no message: {type(fault).__name__}")
        if isinstance(client, Rejected):
            return client
        try:
            if not reply.has_error():
                return read(reply, client)
            reason, detail = "error", str(reply.error.reason or f"code {reply.error.code}")
        except MessageError as fault:
            reason, detail = fault.reason, fault.detail
        except Exception as fault:
            reason, detail = "undecodable", f"{type(fault).__name__}: {fault}"
        return Rejected(client, reason, one_line(detail))

    def _client_of_reply(self, reply: Message) -> int | Rejected:
        answered = reply.metadata.reply_to_message_id
        if answered not in self._client_of:
            self._client_of = {m.metadata.message_id: client for m, client in self._asked}
        client = self._client_of.get(answered, UNKNOWN) if answered else UNKNOWN
        if client == UNKNOWN:
            return Rejected(client, "not-asked", one_line(f"answers message {answered!r}"))
        if client in self._answered:
            return Rejected(client, "duplicate", "second reply of this client in the round")
        self._answered.add(client)
        return client

    def silent(self) -> list[Rejected]:
        """Clients that were asked and have not answered, ascending."""
        clients = sorted({client for _, client in self._asked} - self._answered)
        return [Rejected(client, "late", "no reply before the deadline") for client in clients]
