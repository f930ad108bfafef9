"""Rosters: the node of each client, on grids whose node ids do not tell it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

from flwr.app import ConfigRecord, Message, MessageType, RecordDict
from flwr.serverapp import Grid

from frl.errors import InputError
from frl.exchange.messages import CLIENT, CONFIG
from frl.grids.forwarding import ForwardingGrid
from frl.grids.internals import is_simulation
from frl.one_line import one_line

log = logging.getLogger("flwr")

ANY = -1
"""Answer of a node that leaves the choice of its client to the server."""
NOBODY = -2
"""Stands for the answer of a node that takes no part until it connects anew."""
_PAUSE = 0.5
_NODES_WITHIN = 5.0
"""Seconds until all nodes of Flower's simulation are registered."""
_ANSWER_WITHIN = 300.0
"""Seconds after which an unanswered question is asked again."""


@runtime_checkable
class Roster(Protocol):
    """A table of the nodes of clients."""

    def nodes_of(self, clients: Iterable[int]) -> Mapping[int, int]:
        """Return the node id of each of these clients that is connected, by client."""
        ...


def innermost(grid: Grid) -> Grid:
    """Return the grid behind all that wrap it."""
    while isinstance(grid, ForwardingGrid):
        grid = grid.wrapped
    return grid


class NodeRoster:
    """The nodes of one of Flower's runtimes, as they come and go.

    Node ids are random there, so each new node is asked once which client it is (a ``query``
    message); nothing waits for the answer, the node is simply nobody until then. A client belongs
    to the first node that claims it, for as long as that node is connected: a second one that
    claims it waits, and takes over when the first is gone. A node that makes no claim gets the
    lowest client that is free. So a node never speaks for two clients.

    Parameters
    ----------
    grid : Grid
    clients : int
        Population; clients are ``0 .. clients - 1``.
    patience : float
        Seconds that :meth:`nodes_of` waits where none of the clients is there.
    """

    def __init__(self, grid: Grid, clients: int, *, patience: float = 120.0) -> None:
        self._grid = grid
        self._clients = clients
        self._patience = patience
        self._questions: dict[str, int] = {}
        self._claims: dict[int, int] = {}
        self._holders: dict[int, int] = {}
        self._warned: set[int] = set()
        self.connected = 0

    @property
    def known(self) -> int:
        """Number of clients that a connected node is."""
        return len(self._holders)

    def nodes_of(self, clients: Iterable[int]) -> dict[int, int]:
        """Return the node id of each client that is connected; waits until at least one is."""
        wanted = list(clients)
        deadline = time.monotonic() + self._patience
        waiting = False
        while True:
            self.refresh()
            found = {client: self._holders[client] for client in wanted if client in self._holders}
            if found or not wanted or time.monotonic() >= deadline:
                return found
            if not waiting:
                waiting = True
                log.warning("none of the clients %s is connected; waiting", wanted)
            time.sleep(_PAUSE)

    def refresh(self) -> None:
        """Update the nodes: drop the gone, query the new, collect answers, assign clients."""
        connected = set(self._grid.get_node_ids())
        self.connected = len(connected)
        for gone in self._claims.keys() - connected:
            del self._claims[gone]
        self._holders = {c: node for c, node in self._holders.items() if node in self._claims}
        self._warned &= connected
        self._query(sorted(connected - self._claims.keys() - set(self._questions.values())))
        self._collect_answers(connected)
        self._assign_clients()

    def _query(self, nodes: list[int]) -> None:
        asked = [Message(RecordDict(), n, MessageType.QUERY, ttl=_ANSWER_WITHIN) for n in nodes]
        if asked:
            self._grid.push_messages(asked)
        for question in asked:
            self._questions[question.metadata.message_id] = question.metadata.dst_node_id

    def _collect_answers(self, connected: set[int]) -> None:
        replies = self._grid.pull_messages(list(self._questions)) if self._questions else ()
        for reply in replies:
            node = self._questions.pop(reply.metadata.reply_to_message_id, None)
            if node not in connected:
                continue
            if reply.has_error():
                self._warn(node, f"does not say which client it is: {reply.error.reason}")
                if reply.metadata.src_node_id == node:
                    self._claims[node] = NOBODY
                continue
            config = reply.content.get(CONFIG) if reply.has_content() else None
            client = config.get(CLIENT) if isinstance(config, ConfigRecord) else None
            if not isinstance(client, int) or not ANY <= client < self._clients:
                self._warn(node, f"says it is client {client!r}, not 0 to {self._clients - 1}")
                client = NOBODY
            self._claims[node] = client

    def _assign_clients(self) -> None:
        """Give every connected node the client it claims, or any that is left."""
        assigned = set(self._holders.values())
        waiting = [node for node in sorted(self._claims) if node not in assigned]
        for node in waiting:
            client = self._claims[node]
            if 0 <= client < self._clients and self._holders.setdefault(client, node) != node:
                self._warn(node, f"says it is client {client}, as a connected node does already")
        free = (client for client in range(self._clients) if client not in self._holders)
        unclaimed = [node for node in waiting if self._claims[node] == ANY]
        self._holders.update(zip(list(free) if unclaimed else (), unclaimed, strict=False))

    def _warn(self, node: int, complaint: str) -> None:
        if node not in self._warned:
            self._warned.add(node)
            log.warning("node %d %s", node, one_line(complaint))


def find_roster(grid: Grid, clients: int, *, least: int = 0, patience: float = 120.0) -> Roster:
    """Return the roster of a grid, once enough clients are connected.

    Our own engines know. On Flower's runtimes: wait for nodes, see :class:`NodeRoster`. Those of
    Flower's simulation are all there when a run begins, so too few of them are refused at once.

    Parameters
    ----------
    grid : Grid
    clients : int
    least : int
        Clients that must be there; 0 for all.
    patience : float
        Seconds to wait for them.

    Raises
    ------
    InputError
        If there are fewer by then.
    """
    engine = innermost(grid)
    if isinstance(engine, Roster):
        return engine
    roster = NodeRoster(grid, clients, patience=patience)
    least = least or clients
    begun = time.monotonic()
    deadline = begun + patience
    seen = -1
    while True:
        roster.refresh()
        if roster.known >= least:
            return roster
        if is_simulation(engine) and time.monotonic() >= begun + _NODES_WITHIN:
            _require_nodes(roster.connected, least)
        if roster.known != seen:
            seen = roster.known
            log.info("waiting for clients: %d of %d are there", seen, least)
        if time.monotonic() >= deadline:
            raise InputError(
                f"clients: {least} expected, but within {patience:.0f} s {roster.connected} nodes "
                f"connected and {seen} of them said which client they are (partition-id in a "
                "SuperNode's node config)"
            )
        time.sleep(_PAUSE)


def _require_nodes(there: int, least: int) -> None:
    """Refuse a simulation of Flower's that has fewer nodes than clients: no more will come."""
    if there < least:
        raise InputError(
            f"clients: {least} expected, and Flower's simulation has {there} nodes; takes flwr run "
            f'with --federation-config "num-supernodes={least} client-resources-num-cpus=1"'
        )
