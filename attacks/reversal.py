"""Rank reversal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks import register
from attacks.base import CraftView
from attacks.geometry.consensus import ConsensusAttack, Layer


@register("reversal")
@dataclass(frozen=True)
class Reversal(ConsensusAttack):
    """Every colluder votes for the reversed consensus of the colluders.

    Threat model: colluders share their honest rankings and see no benign one. Formula: with
    ``W[e]`` the sum of their positions, send the order that sorts ``W`` descending.

    References
    ----------
    Mozaffari, Shejwalkar, Houmansadr, "Every Vote Counts: Ranking-Based Training of Federated
    Learning to Resist Poisoning Attacks", USENIX Security 2023.
    """

    formula: ClassVar[str] = "order = argsort(sum of colluders' positions), descending"
    paper: ClassVar[str] = "Mozaffari et al., USENIX Security 2023, arXiv:2110.04350"

    def order(self, layer: Layer, view: CraftView, rng: np.random.Generator) -> NDArray[np.int32]:
        """Reverse the consensus."""
        return layer.consensus()[::-1]
