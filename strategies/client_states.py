"""The global state that each client holds, and what it is sent of the next one.

A client holds the state of the last round that it answered, and is sent what changed since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from flwr.app import ArrayRecord
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.exchange.channel import Channel
from frl.exchange.unmoved import Unmoved
from frl.wire import Base

_CLIENTS, _STEPS = "clients", "steps"

_NOWHERE = -1


class _Held(NamedTuple):
    """The round whose state a client holds, and the node it answered from."""

    round: int
    node: int


class ClientStates:
    """Past global states, and which client holds which.

    A client counts as holding the state of a round once its reply to that round was admitted. One
    that failed, stayed silent or sent something else counts as holding none, for it may have lost
    its memory: it is next sent what anybody can read.

    Parameters
    ----------
    channel : Channel
        Its ``history`` is the number of past states kept; 0 keeps none.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._bases: dict[int, Base] = {}
        self._steps: dict[int, bytes] = {}
        self._held: dict[int, _Held] = {}
        self._nodes: dict[int, int] = {}

    def locate(self, clients: Iterable[int], nodes: Mapping[int, int]) -> None:
        """Note on which nodes the clients of a round are.

        Those that are on another node than when they answered, or on none, count as holding none.
        """
        self._nodes = dict(nodes)
        for client in clients:
            held = self._held.get(client)
            if held is not None and held.node != nodes.get(client, _NOWHERE):
                del self._held[client]

    def held_by(self, client: int) -> Base | None:
        """Return the state that a client holds, ``None`` where none is known."""
        held = self._held.get(client)
        return self._bases.get(held.round) if held else None

    def records(self, base: Base, clients: Sequence[int]) -> list[ArrayRecord]:
        """Pack the state of a round for each client; those that hold the same share one record."""
        by_round: dict[int, ArrayRecord] = {}
        records = []
        for client in clients:
            held = self.held_by(client)
            round = held.round if held else 0
            if round not in by_round:
                by_round[round] = self._channel.send_state(base, held, self._since(held, base))
            records.append(by_round[round])
        return records

    def encoded(self, base: Base, client: int) -> bytes:
        """Encode the state of a round as one client would be sent it."""
        return self._encoded(base, self.held_by(client))

    @property
    def kept(self) -> tuple[int, ...]:
        """Rounds whose states are kept, ascending."""
        return tuple(sorted(self._bases))

    def encoded_since(self, base: Base, round: int) -> bytes:
        """Encode the state of a round for whoever holds that of an earlier one that is kept."""
        return self._encoded(base, self._bases[round])

    def _encoded(self, base: Base, held: Base | None) -> bytes:
        return self._channel.encode_state(base, held, self._since(held, base))

    def record_round(
        self,
        base: Base,
        asked: Iterable[int],
        admitted: Iterable[int],
        sums: Mapping[str, NDArray[Any]] | None = None,
        *,
        seed: int = 0,
        heard: Unmoved | None = None,
    ) -> None:
        """Note who answered a round that began with ``base``.

        Parameters
        ----------
        base : Base
        asked, admitted : iterable of int
            Clients.
        sums : mapping of layer name to integer array, optional
            What the votes added up to, where they alone led to the next state.
        seed : int
            Of the run.
        heard : Unmoved, optional
            With the voters whose noise was made when their ballots were read.
        """
        if not self._channel.history:
            return
        voters = sorted(admitted)
        self._bases[base.round] = base
        for old in sorted(self._bases)[: -self._channel.history]:
            del self._bases[old]
        if sums is not None and voters:
            step = self._channel.encode_step(base, voters, sums, seed=seed, heard=heard)
            if step is not None:
                self._steps[base.round] = step
        self._steps = {past: kept for past, kept in self._steps.items() if past in self._bases}
        answered = {c: _Held(base.round, self._nodes.get(c, _NOWHERE)) for c in voters}
        lost = set(asked) - answered.keys()
        self._held = {
            client: held
            for client, held in {**self._held, **answered}.items()
            if held.round in self._bases and client not in lost
        }

    @property
    def memory(self) -> dict[str, NDArray[Any]]:
        """All of it as arrays, for a checkpoint."""
        kept = {
            f"{base.round}/{name}": positions
            for base in self._bases.values()
            for name, positions in base.state.items()
        }
        kept |= {
            f"{_STEPS}/{round}": np.frombuffer(step, dtype=np.uint8)
            for round, step in self._steps.items()
        }
        held = [(client, *held) for client, held in sorted(self._held.items())]
        return {**kept, _CLIENTS: np.array(held, dtype=np.int64).reshape(-1, 3)} if kept else {}

    @memory.setter
    def memory(self, memory: Arrays) -> None:
        states: dict[int, dict[str, NDArray[Any]]] = {}
        self._steps = {}
        for key, array in memory.items():
            round, _, name = key.partition("/")
            if round == _STEPS:
                self._steps[int(name)] = array.tobytes()
            elif name:
                states.setdefault(int(round), {})[name] = array
        self._bases = {round: Base(round, state) for round, state in states.items()}
        self._held = {int(c): _Held(int(r), int(node)) for c, r, node in memory.get(_CLIENTS, ())}

    def _since(self, held: Base | None, base: Base) -> list[bytes]:
        """Return what led from one state to another; empty where it is not known."""
        if held is None:
            return []
        steps = [self._steps.get(past, b"") for past in range(held.round, base.round)]
        return steps if all(steps) else []
