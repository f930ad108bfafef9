"""Which node is which client, on grids whose node ids say nothing about it."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Protocol, cast

from flwr.app import ConfigRecord, Message, MessageType, RecordDict
from flwr.serverapp import Grid

from frl.errors import InputError
from frl.messages import CLIENT, CONFIG

log = logging.getLogger(__name__)


class Roster(Protocol):
    """Knows the node of a client."""

    def node_of(self, client: int) -> int:
        """Node id of a client."""
        ...


class FixedRoster:
    """A table of nodes by client id."""

    def __init__(self, nodes: Mapping[int, int]) -> None:
        self._nodes = dict(nodes)

    def node_of(self, client: int) -> int:
        """Node id of a client; ``KeyError`` for one that never said who it is."""
        return self._nodes[client]


def find_roster(grid: Grid, clients: int, *, patience: float = 120.0) -> Roster:
    """Find out which node is which client.

    Our own engines know. On Flower's runtimes node ids are random: wait until ``clients`` nodes
    are there, then ask each once for its client id (a ``query`` message).

    Parameters
    ----------
    grid : Grid
    clients : int
    patience : float
        Seconds to wait for the nodes, and again for their answers.

    Raises
    ------
    InputError
        If fewer nodes came, or they do not answer with the client ids ``0 .. clients - 1``.
    """
    if hasattr(grid, "node_of"):
        return cast(Roster, grid)
    nodes = _wait_for_nodes(grid, clients, patience)
    questions = [Message(RecordDict(), node, MessageType.QUERY) for node in nodes]
    found: dict[int, int] = {}
    sent = {}
    replies = grid.send_and_receive(questions, timeout=patience)
    for question in questions:
        sent[question.metadata.message_id] = question.metadata.dst_node_id
    for reply in replies:
        node = sent.get(reply.metadata.reply_to_message_id)
        if node is None or reply.has_error():
            continue
        config = reply.content.get(CONFIG)
        client = config.get(CLIENT) if isinstance(config, ConfigRecord) else None
        if isinstance(client, int) and 0 <= client < clients and client not in found:
            found[client] = node
    if len(found) < clients:
        raise InputError(
            f"clients: {clients} expected, but only {len(found)} of {len(nodes)} nodes said which "
            "client they are (partition-id in a SuperNode's node config)"
        )
    return FixedRoster(found)


def _wait_for_nodes(grid: Grid, clients: int, patience: float) -> list[int]:
    deadline = time.monotonic() + patience
    while True:
        nodes = sorted(grid.get_node_ids())
        if len(nodes) >= clients:
            return nodes
        if time.monotonic() >= deadline:
            raise InputError(
                f"clients: {clients} expected, but only {len(nodes)} nodes connected within "
                f"{patience:.0f} s"
            )
        log.info("waiting for nodes: %d of %d", len(nodes), clients)
        time.sleep(0.5)
