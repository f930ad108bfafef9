"""``MaskedNoise``: a client sends which parts of its random noise are its update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.exchange.forms.base import Form
from frl.random_noise import random_noise
from frl.task import Task
from frl.wire import Base, Coding
from frl.wire.codings import masked_noise
from frl.wire.codings.dense import Float32


@dataclass(frozen=True)
class MaskedNoise(Form):
    """Noise times a mask of one bit an edge (FedMRN, Li et al., MM 2024).

    A bit is 1 with the probability that makes the mean what the client trained, as far as the noise
    reaches. Global states travel whole.

    Parameters
    ----------
    width : float
        The noise is uniform in (-width, width).
    """

    width: float

    dtype: ClassVar[str] = "float32"
    snapshot: ClassVar[Coding] = Float32()

    def codings(self) -> dict[str, Coding]:
        """Return what codes the mask."""
        return {"masked-noise": masked_noise.MaskedNoise()}

    def of(self, update: NDArray[Any]) -> NDArray[Any]:
        """Return the masked noise."""
        return update

    def drawn(self, update: Arrays, state: Arrays, task: Task) -> Arrays:
        """Throw a coin for each edge; masked noise stays as it is."""
        found = {}
        for number, (name, moved) in enumerate(update.items()):
            noise, coins = random_noise(task, number, moved.size, self.width)
            kept = coins.random(moved.size, dtype=np.float32) < moved / noise
            found[name] = noise * kept.astype(np.float32)
        return found

    def fault(self, sent: NDArray[Any]) -> str | None:
        """Admit only what noise can be; what it is the coding knows, plain arrays do not say."""
        return None if (np.abs(sent) <= self.width).all() else "out-of-range"

    def given(self, base: Base, task: Task) -> Base:
        """Return the noise of the client: a mask is coded given that."""
        noise = {
            name: random_noise(task, number, values.size, self.width)[0]
            for number, (name, values) in enumerate(base.state.items())
        }
        return Base(base.round, noise)
