"""The codec for a grid of which it is not known whose messages pass it: ours, or any app's."""

from __future__ import annotations

from flwr.app import Message
from flwr.serverapp import Grid

from attacks.adversary.channel_codec import ChannelCodec
from attacks.adversary.codec import Codec
from attacks.adversary.parameter_codec import ParameterCodec
from attacks.base import Update
from frl.exchange.messages import CLIENT, CONFIG
from frl.grids import Roster, innermost


def is_ours(request: Message) -> bool:
    """Whether a request says which client of a run it is for, as only our own strategies do."""
    return CLIENT in request.content.config_records.get(CONFIG, {})


class AppCodec:
    """Reads and rewrites our own messages by a channel, and others as whole parameters.

    Parameters
    ----------
    grid : Grid, optional
        Needed to ask clients that the strategy did not ask, and to number the nodes of an app.
    """

    def __init__(self, grid: Grid | None = None) -> None:
        roster = None if grid is None else innermost(grid)
        self._ours = ChannelCodec(roster=roster if isinstance(roster, Roster) else None)
        self._theirs = ParameterCodec(grid)

    def client_of(self, request: Message) -> int:
        """Client id that a request is for."""
        return self._of(request).client_of(request)

    def round_of(self, request: Message) -> int:
        """Round that a request belongs to."""
        return self._of(request).round_of(request)

    def state_of(self, request: Message) -> Update:
        """Global state in a request."""
        return self._of(request).state_of(request)

    def read_update(self, reply: Message, request: Message) -> Update:
        """Client's update in a reply."""
        return self._of(request).read_update(reply, request)

    def with_update(self, reply: Message, request: Message, update: Update) -> Message:
        """Return a copy of a reply with another update."""
        return self._of(request).with_update(reply, request, update)

    def for_client(self, request: Message, client: int) -> Message | None:
        """Return the same request as a new message to another client, ``None`` if it is away."""
        return self._of(request).for_client(request, client)

    def _of(self, request: Message) -> Codec:
        return self._ours if is_ours(request) else self._theirs
