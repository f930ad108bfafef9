"""Reversal of what a client itself learnt in this round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks import register
from attacks.base import Attack, Knowledge, Space, TamperView, Update
from attacks.geometry.consensus import ascending
from frl.ranking import invert


@register("shift_flip")
@dataclass(frozen=True)
class ShiftFlip(Attack):
    """A client moves every edge as far as its training did, the other way.

    Threat model: malicious clients act alone. Formula: with ``p`` the client's honest ranking and
    ``q`` the one the round began with, send the ranking by ``q - (p - q)``, ties by ``q``. The vote
    changes about as much as an honest one, and no two colluders send the same.
    """

    space: ClassVar[Space] = "ranks"
    knowledge: ClassVar[Knowledge] = Knowledge.OWN
    formula: ClassVar[str] = "positions' = rank(2 q - positions), ties by q"
    paper: ClassVar[str] = "this project; after Xie et al., UAI 2019, arXiv:1903.03936"

    def tamper(self, update: Update, view: TamperView, rng: np.random.Generator) -> Update:
        """Flip the shift of every layer."""
        flipped = {}
        for name, own in update.items():
            previous = view.previous[name]
            mirrored = 2 * previous.astype(np.int64) + (own.size - 1) - own
            flipped[name] = invert(ascending(mirrored, previous))
        return flipped
