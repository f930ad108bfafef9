"""Reversal of what the colluders learnt in this round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks import register
from attacks.base import CraftView
from attacks.geometry.consensus import ConsensusAttack, Layer, ascending, summed


@register("shift_reversal")
@dataclass(frozen=True)
class ShiftReversal(ConsensusAttack):
    """Every colluder ranks the edges by how little the colluders' honest training raised them.

    Threat model: as for reversal. Formula: with ``q`` the ranking the round began with and ``s``
    the sum over colluders of ``p_i - q``, send the order that sorts ``s`` descending, ties by
    ``q``. Rank reversal votes against what honest rankings are, most of which the next round puts
    back; this one votes, at full length, against what they learn.

    References
    ----------
    Inner-product manipulation carried over to rankings: Xie, Koyejo, Gupta, "Fall of Empires", UAI
    2019, arXiv:1903.03936.
    """

    formula: ClassVar[str] = "order = argsort(-s), s the sum of the colluders' p_i - q, ties by q"
    paper: ClassVar[str] = "this project; after Xie et al., UAI 2019, arXiv:1903.03936"

    def order(self, layer: Layer, view: CraftView, rng: np.random.Generator) -> NDArray[np.int32]:
        """Put the edge that rose the most below all others."""
        highest = layer.previous.astype(np.int64) + (layer.previous.size - 1)
        return ascending(len(layer.votes) * highest - summed(layer.votes), layer.previous)
