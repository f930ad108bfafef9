"""``Bits``: a client sends one bit an edge, drawn by the probability that it trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.exchange.ballots import noise
from frl.exchange.forms.base import Form
from frl.task import Task
from frl.wire import Base, Coding
from frl.wire.codings.bernoulli import Bernoulli
from frl.wire.codings.palette import Palette

_GRAIN = np.float32(1 << 20)


@dataclass(frozen=True)
class Bits(Form):
    """A sampled mask: bit 1 with the probability of the edge (FedPM, Isik et al., ICLR 2023).

    An update is a difference of probabilities, and what a rule takes is the difference of the bits
    to the global probabilities, whose mean over many draws is that.

    Parameters
    ----------
    shared : bool
        Whether the coding knows the noise of the draw, which follows from the task: then only
        edges whose trained probability crossed their noise cost bits.
    """

    shared: bool = False

    dtype: ClassVar[str] = "uint8"
    state: ClassVar[Coding | None] = Palette()

    def codings(self) -> dict[str, Coding]:
        """Return what codes such bits."""
        return {"bernoulli": Bernoulli(self.shared)}

    def of(self, update: NDArray[Any]) -> NDArray[Any]:
        """Return the bits."""
        return update

    def drawn(self, update: Arrays, state: Arrays, task: Task) -> Arrays:
        """Throw a coin for each edge; differences of bits give these bits again."""
        found = {}
        for name, coins in _coins(state, task).items():
            p = np.rint((state[name] + update[name]) * _GRAIN) / _GRAIN
            found[name] = (coins < p).astype(np.uint8)
        return found

    def packed(self, sent: NDArray[Any], state: NDArray[Any]) -> NDArray[Any]:
        """Return the bits."""
        return sent

    def fault(self, sent: NDArray[Any]) -> str | None:
        """Admit only bits."""
        return "out-of-range" if sent.size and int(sent.max()) > 1 else None

    def moved(self, sent: NDArray[Any], state: NDArray[Any]) -> NDArray[Any]:
        """Return the difference to the global probabilities."""
        moved: NDArray[np.float32] = sent.astype(np.float32) - state
        return moved

    def restore(self, sent: NDArray[Any], previous: NDArray[Any]) -> NDArray[Any]:
        """Return the difference to the global probabilities."""
        return self.moved(sent, previous)

    def given(self, base: Base, task: Task) -> Base:
        """Return the global probabilities, less the noise where the coding knows it."""
        if not self.shared:
            return base
        coins = _coins(base.state, task)
        return Base(base.round, {name: p - coins[name] for name, p in base.state.items()})


def _coins(state: Arrays, task: Task) -> Arrays:
    """Uniform draws from [0, 1) that anybody who knows the task can make again."""
    return {
        name: noise(task.seed, task.round, task.client, number).random(p.size, dtype=np.float32)
        for number, (name, p) in enumerate(state.items())
    }
