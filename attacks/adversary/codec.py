"""How an adversary reads and rewrites Flower messages without knowing their layout."""

from __future__ import annotations

from typing import Protocol

from flwr.app import Message

from attacks.base import Update


class Codec(Protocol):
    """Access to the content of train messages; no method may modify a message.

    A reply may be coded relative to what was sent, so the request is given with it.
    """

    def client_of(self, request: Message) -> int:
        """Client id that a request is for."""
        ...

    def round_of(self, request: Message) -> int:
        """Round that a request belongs to."""
        ...

    def state_of(self, request: Message) -> Update:
        """Global state in a request: positions (ranks) or weights, by layer."""
        ...

    def read_update(self, reply: Message, request: Message) -> Update:
        """Client's update in a reply: positions (ranks) or differences (weights), by layer.

        Raises where the server would not admit the reply.
        """
        ...

    def with_update(self, reply: Message, request: Message, update: Update) -> Message:
        """Return a copy of a reply with another update and everything else as it was."""
        ...

    def for_client(self, request: Message, client: int) -> Message | None:
        """Return the same request as a new message to another client, ``None`` if it is away."""
        ...
