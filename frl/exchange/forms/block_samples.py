"""``BlockSamples``: a client sends, block by block, which of the shared samples its mask is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.exchange.forms.base import Form
from frl.exchange.importance_sampling import choose, chosen
from frl.task import Task
from frl.wire import Base, Coding
from frl.wire.codings.klms import Klms, choice_fault
from frl.wire.codings.palette import Palette

_GRAIN = np.float32(1 << 20)


@dataclass(frozen=True)
class BlockSamples(Form):
    """Masks drawn by importance sampling in blocks (KLMS, Isik et al., AISTATS 2024).

    What is sent of an edge is its bit and, at the first edge of a block, the block's choice in the
    bits above. Coded messages hold choices alone, and the bits follow; whether plain arrays have
    the bits of their choices is not checked. An update that was read is drawn anew when sent again.

    Parameters
    ----------
    bits : int
        Of the index of a sample.
    budget : float
        Divergence of a block's trained probabilities from the global ones, in bits.
    """

    bits: int
    budget: float

    dtype: ClassVar[str] = "uint16"
    state: ClassVar[Coding | None] = Palette()

    def codings(self) -> dict[str, Coding]:
        """Return what codes such choices."""
        return {"klms": Klms(self.bits)}

    def of(self, update: NDArray[Any]) -> NDArray[Any]:
        """Return bits and choices."""
        return update

    def drawn(self, update: Arrays, state: Arrays, task: Task) -> Arrays:
        """Draw one of the shared samples for each block."""
        q = {name: np.rint((p + update[name]) * _GRAIN) / _GRAIN for name, p in state.items()}
        return self.opened(choose(state, q, self.bits, self.budget, task), Base(0, state), task)

    def codable(self, update: NDArray[Any]) -> NDArray[Any]:
        """Return the choices."""
        choices: NDArray[np.uint16] = update >> np.uint16(1)
        return choices

    def opened(self, decoded: Arrays, base: Base, task: Task) -> Arrays:
        """Draw the bits of choices."""
        bits = chosen(base.state, decoded, task)
        return {name: (part << np.uint16(1)) | bits[name] for name, part in decoded.items()}

    def packed(self, sent: NDArray[Any], state: NDArray[Any]) -> NDArray[Any]:
        """Return the choices."""
        return self.codable(sent)

    def fault(self, sent: NDArray[Any]) -> str | None:
        """Admit only choices that the coding takes."""
        return choice_fault(self.codable(sent), self.bits)

    def moved(self, sent: NDArray[Any], state: NDArray[Any]) -> NDArray[Any]:
        """Return the difference of the bits to the global probabilities."""
        moved: NDArray[np.float32] = (sent & np.uint16(1)).astype(np.float32) - state
        return moved

    def restore(self, sent: NDArray[Any], previous: NDArray[Any]) -> NDArray[Any]:
        """Return the difference of the bits to the global probabilities."""
        return self.moved(sent, previous)
