"""What each client is known to hold: the global state of the last round that it answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frl.wire import Base

_CLIENTS = "clients"


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
        self._last: dict[int, int] = {}

    def base_of(self, client: int) -> Base | None:
        """Return the ranking that a client holds, ``None`` where none is known."""
        return self._bases.get(self._last.get(client, -1))

    def settle(self, base: Base, asked: Iterable[int], admitted: Iterable[int]) -> None:
        """Note who answered a round that began with ``base``."""
        if not self._rounds:
            return
        self._bases[base.round] = base
        for old in sorted(self._bases)[: -self._rounds]:
            del self._bases[old]
        answered = dict.fromkeys(admitted, base.round)
        lost = set(asked) - answered.keys()
        self._last = {
            client: round
            for client, round in {**self._last, **answered}.items()
            if round in self._bases and client not in lost
        }

    def forget(self, clients: Iterable[int]) -> None:
        """Count clients as holding none: they are on another machine now, or were away."""
        for client in clients:
            self._last.pop(client, None)

    @property
    def memory(self) -> dict[str, NDArray[Any]]:
        """All of it as arrays, for a checkpoint."""
        kept = {
            f"{base.round}/{name}": positions
            for base in self._bases.values()
            for name, positions in base.ranking.items()
        }
        pairs = np.array(sorted(self._last.items()), dtype=np.int64).reshape(-1, 2)
        return {**kept, _CLIENTS: pairs} if kept else {}

    @memory.setter
    def memory(self, memory: Mapping[str, NDArray[Any]]) -> None:
        rankings: dict[int, dict[str, NDArray[np.int32]]] = {}
        for key, array in memory.items():
            round, _, name = key.partition("/")
            if name:
                rankings.setdefault(int(round), {})[name] = array
        self._bases = {round: Base(round, ranking) for round, ranking in rankings.items()}
        self._last = {int(c): int(r) for c, r in memory.get(_CLIENTS, ())}
