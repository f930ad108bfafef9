"""The memory of a run between rounds, gathered from its parts for a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flwr.serverapp import Grid
from numpy.typing import NDArray

from attacks.adversary.grid import AdversarialGrid
from frl.arrays import Arrays
from frl.errors import InputError
from frl.grids import LocalGrid
from strategies import SeededStrategy

_PARTS = ("strategy", "carry", "attack", "client", "seen")


def part_of(memory: Mapping[str, NDArray[Any]], part: str) -> Arrays:
    """Return one part of the memory in a checkpoint: of the strategy, the attack, the clients."""
    keys = {key: key.partition("/") for key in memory}
    return {name: memory[key] for key, (found, _, name) in keys.items() if found == part}


class Memory:
    """State of a run besides the global state: of its strategy, its attack and its clients.

    Parameters
    ----------
    strategy : SeededStrategy
    grid : Grid
        With or without an adversary in front.
    """

    def __init__(self, strategy: SeededStrategy, grid: Grid) -> None:
        self._strategy = strategy
        self._adversary = grid if isinstance(grid, AdversarialGrid) else None
        engine = grid.wrapped if isinstance(grid, AdversarialGrid) else grid
        self._engine = engine if isinstance(engine, LocalGrid) else None

    def everything(self) -> Arrays:
        """Return it as arrays, for a checkpoint."""
        parts = {"strategy": self._strategy.memory, "carry": self._strategy.carry.memory}
        if self._adversary is not None:
            parts["attack"] = self._adversary.state
        if self._engine is not None:
            parts["client"] = self._engine.client_memory
            parts["seen"] = self._strategy.client_states.memory
        return {f"{part}/{key}": a for part, held in parts.items() for key, a in held.items()}

    def recall(self, memory: Mapping[str, NDArray[Any]]) -> None:
        """Put it back.

        Raises
        ------
        InputError
            If there is more than this version knows.
        """
        if strange := sorted({key.partition("/")[0] for key in memory} - set(_PARTS)):
            raise InputError(f"checkpoint: holds {strange}; takes {', '.join(_PARTS)}")
        parts = {part: part_of(memory, part) for part in _PARTS}
        self._strategy.memory = parts["strategy"]
        self._strategy.carry.memory = parts["carry"]
        if self._adversary is not None:
            self._adversary.state = parts["attack"]
        if self._engine is not None:
            self._engine.client_memory = parts["client"]
            self._strategy.client_states.memory = parts["seen"]
