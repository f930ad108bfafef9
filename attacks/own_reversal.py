"""Reversal of a client's own ranking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks import register
from attacks.base import Attack, Knowledge, Space, TamperView, Update


@register("own_reversal")
@dataclass(frozen=True)
class OwnReversal(Attack):
    """A client reverses its own ranking.

    Threat model: malicious clients act alone. Formula: ``positions' = n - 1 - positions``.
    """

    space: ClassVar[Space] = "ranks"
    knowledge: ClassVar[Knowledge] = Knowledge.OWN
    formula: ClassVar[str] = "positions' = n - 1 - positions"
    paper: ClassVar[str] = "this project"

    def tamper(self, update: Update, view: TamperView, rng: np.random.Generator) -> Update:
        """Reverse every layer."""
        return {name: np.int32(own.size - 1) - own for name, own in update.items()}
