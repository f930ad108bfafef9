"""What each client is known to hold: the global state of the last round that it answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frl.wire import Base

_CLIENTS, _STEPS = "clients", "steps"

_NOWHERE = -1


class _Held(NamedTuple):
    """The round whose ranking a client holds, and the node it answered from."""

    round: int
    node: int


class Seen:
    """Past global rankings, and who saw which, so that a client is sent only what changed.

    A client counts as holding the state of a round once its reply to that round was admitted. One
    that failed, stayed silent or sent something else counts as holding none, for it may have lost
    its memory: it is next sent what anybody can read.

    Parameters
    ----------
    rounds : int
        Number of past rankings kept; 0 keeps none.
    """

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._bases: dict[int, Base] = {}
        self._steps: dict[int, bytes] = {}
        self._last: dict[int, _Held] = {}
        self._nodes: dict[int, int] = {}

    def base_of(self, client: int) -> Base | None:
        """Return the ranking that a client holds, ``None`` where none is known."""
        held = self._last.get(client)
        return self._bases.get(held.round) if held else None

    def steps_from(self, base: Base | None, round: int) -> list[bytes]:
        """Return what led from a past ranking to that of ``round``; empty where it is not known."""
        if base is None:
            return []
        steps = [self._steps.get(past, b"") for past in range(base.round, round)]
        return steps if all(steps) else []

    def locate(self, clients: Iterable[int], nodes: Mapping[int, int]) -> None:
        """Note on which nodes the clients of a round are.

        Those that are on another node than when they answered, or on none, count as holding none.
        """
        self._nodes = dict(nodes)
        for client in clients:
            held = self._last.get(client)
            if held is not None and held.node != nodes.get(client, _NOWHERE):
                del self._last[client]

    def settle(
        self,
        base: Base,
        asked: Iterable[int],
        admitted: Iterable[int],
        step: bytes | None = None,
    ) -> None:
        """Note who answered a round that began with ``base``, and what led to the next ranking."""
        if not self._rounds:
            return
        self._bases[base.round] = base
        for old in sorted(self._bases)[: -self._rounds]:
            del self._bases[old]
        if step is not None:
            self._steps[base.round] = step
        self._steps = {past: kept for past, kept in self._steps.items() if past in self._bases}
        answered = {c: _Held(base.round, self._nodes.get(c, _NOWHERE)) for c in admitted}
        lost = set(asked) - answered.keys()
        self._last = {
            client: held
            for client, held in {**self._last, **answered}.items()
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
        held = [(client, *held) for client, held in sorted(self._last.items())]
        return {**kept, _CLIENTS: np.array(held, dtype=np.int64).reshape(-1, 3)} if kept else {}

    @memory.setter
    def memory(self, memory: Mapping[str, NDArray[Any]]) -> None:
        rankings: dict[int, dict[str, NDArray[np.int32]]] = {}
        self._steps = {}
        for key, array in memory.items():
            round, _, name = key.partition("/")
            if round == _STEPS:
                self._steps[int(name)] = array.tobytes()
            elif name:
                rankings.setdefault(int(round), {})[name] = array
        self._bases = {round: Base(round, ranking) for round, ranking in rankings.items()}
        self._last = {int(c): _Held(int(r), int(node)) for c, r, node in memory.get(_CLIENTS, ())}
