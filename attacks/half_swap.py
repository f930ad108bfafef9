"""Exchange of the lower and upper half."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks import register
from attacks.base import CraftView
from attacks.geometry.consensus import ConsensusAttack, Layer


@register("half_swap")
@dataclass(frozen=True)
class HalfSwap(ConsensusAttack):
    """Every colluder votes for the consensus with its lower and upper half exchanged.

    Threat model: as for reversal. Formula: rank ``r`` becomes ``(r + n - n // 2) mod n``, so that
    the best edges of the lower half come out on top.
    """

    formula: ClassVar[str] = "rank r of the colluders' consensus becomes (r + n - n//2) mod n"
    paper: ClassVar[str] = "this project"

    def order(self, layer: Layer, view: CraftView, rng: np.random.Generator) -> NDArray[np.int32]:
        """Put the upper half below the lower one."""
        order = layer.consensus()
        half = order.size // 2
        return np.concatenate([order[half:], order[:half]])
