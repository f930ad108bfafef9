"""Free riding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks import register
from attacks.base import Attack, Knowledge, Space, TamperView, Update


@register("free_rider")
@dataclass(frozen=True)
class FreeRider(Attack):
    """A client returns the global ranking as its own.

    Threat model: malicious clients act alone and contribute nothing, which slows training down.
    Formula: ``positions' = previous global positions``.
    """

    space: ClassVar[Space] = "ranks"
    knowledge: ClassVar[Knowledge] = Knowledge.OWN
    formula: ClassVar[str] = "positions' = previous global positions"
    paper: ClassVar[str] = "after Fraboni, Vidal, Lorenzi, AISTATS 2021, arXiv:2006.11901"

    def tamper(self, update: Update, view: TamperView, rng: np.random.Generator) -> Update:
        """Copy the global ranking."""
        return {name: previous.copy() for name, previous in view.previous.items()}
