"""The codec of any Flower app whose clients get and send whole parameters."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import numpy as np
from flwr.app import ArrayRecord, Message, RecordDict
from flwr.serverapp import Grid

from attacks.base import Update
from frl.arrays import Arrays
from frl.errors import InputError
from frl.exchange.app_arrays import flat_float32, read_state, the_only, trained
from frl.exchange.messages import ROUND, MalformedError, arrays_record


class ParameterCodec:
    """Reads and rewrites messages with one record of arrays, as all of Flower's strategies send.

    An update is the difference of the trained parameters to those that were sent; buffers stay as
    the client sends them.

    Parameters
    ----------
    grid : Grid, optional
        Whose nodes are numbered, ascending, as clients; without it a client's number is the id of
        its node.
    """

    def __init__(self, grid: Grid | None = None) -> None:
        self._grid = grid
        self._clients: dict[int, int] = {}

    def client_of(self, request: Message) -> int:
        """Client that a request is for."""
        node = request.metadata.dst_node_id
        if self._grid is None:
            return node
        if node not in self._clients:
            self._number([*self._grid.get_node_ids(), node])
        return self._clients[node]

    def round_of(self, request: Message) -> int:
        """Round that a request belongs to."""
        for config in request.content.config_records.values():
            server_round = config.get(ROUND)
            if isinstance(server_round, int):
                return server_round
        raise InputError(f"messages: none of their configs has {ROUND!r}, as FedAvg's have")

    def state_of(self, request: Message) -> Update:
        """Trained parameters in a request, float32 of shape (n,) each."""
        state = _state(request)
        return {name: flat_float32(state[name]) for name in trained(state)}

    def read_update(self, reply: Message, request: Message) -> Update:
        """Difference of the trained parameters in a reply to those in its request."""
        state = _state(request)
        sent = _sent(reply, state)[1]
        return {
            name: flat_float32(sent[name]) - flat_float32(state[name]) for name in trained(state)
        }

    def with_update(self, reply: Message, request: Message, update: Update) -> Message:
        """Return a copy of a reply with other trained parameters and the same buffers."""
        state = _state(request)
        name, arrays = _sent(reply, state)
        for layer, difference in update.items():
            old, kind = state[layer], arrays[layer].dtype
            with np.errstate(over="ignore", invalid="ignore"):
                arrays[layer] = (old + difference.reshape(old.shape)).astype(kind)
        other = copy.copy(reply)
        other.content = RecordDict({**reply.content, name: arrays_record(arrays)})
        return other

    def for_client(self, request: Message, client: int) -> Message | None:
        """Return the same request as a new message to another client, ``None`` if it is away."""
        if self._grid is None:
            raise InputError("attack.colluders: 'all' needs a grid")
        self._number(self._grid.get_node_ids())
        node = next((node for node, number in self._clients.items() if number == client), None)
        if node is None:
            return None
        meta = request.metadata
        return Message(request.content, node, meta.message_type, group_id=meta.group_id)

    def _number(self, nodes: Iterable[int]) -> None:
        for node in sorted(set(nodes) - self._clients.keys()):
            self._clients[node] = len(self._clients)


def _state(request: Message) -> Arrays:
    return read_state(the_only(request.content, ArrayRecord)[1])


def _sent(reply: Message, state: Arrays) -> tuple[str, Arrays]:
    """Read the arrays of a reply; their types may be others than those that were sent."""
    name, record = the_only(reply.content, ArrayRecord)
    arrays = read_state(record)
    shapes = {layer: values.shape for layer, values in arrays.items()}
    if shapes != {layer: values.shape for layer, values in state.items()}:
        raise MalformedError("wrong-layers", "other arrays than were sent")
    return name, arrays
