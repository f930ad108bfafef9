"""``Signs``: a client sends in which direction each of its weights moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.exchange.ballots import noise
from frl.exchange.forms.base import Form
from frl.task import Task
from frl.wire import Coding
from frl.wire.codings import dense
from frl.wire.codings.multiples import Multiples


@dataclass(frozen=True)
class Signs(Form):
    """The signs of differences of weights, +1 or -1; where nothing moved, a coin says which.

    signSGD with majority vote (Bernstein et al., ICLR 2019). The coin follows from the task.
    """

    dtype: ClassVar[str] = "float32"
    state: ClassVar[Coding | None] = Multiples()

    def codings(self) -> dict[str, Coding]:
        """Return what codes such signs."""
        return {"signs": dense.Signs()}

    def of(self, update: NDArray[Any]) -> NDArray[Any]:
        """Return the signs."""
        return update

    def drawn(self, update: Arrays, state: Arrays, task: Task) -> Arrays:
        """Take signs, and throw a coin where a difference has none.

        Signs stay as they are.
        """
        return {
            name: _signs(moved, noise(task.seed, task.round, task.client, number))
            for number, (name, moved) in enumerate(update.items())
        }

    def fault(self, sent: NDArray[Any]) -> str | None:
        """Admit only signs."""
        return None if (np.abs(sent) == 1).all() else "out-of-range"


def _signs(moved: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float32]:
    signs = np.sign(moved)
    still = np.flatnonzero(~(np.abs(signs) == 1))
    signs[still] = 2 * rng.integers(0, 2, size=still.size) - 1
    sent: NDArray[np.float32] = signs.astype(np.float32)
    return sent
