"""Scaled update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from attacks import register
from attacks.base import Attack, Space, TamperView, Update
from frl.registry.ranges import Finite


@register("scaled")
@dataclass(frozen=True)
class Scaled(Attack):
    """A client sends its own update out of proportion.

    Threat model: malicious clients act alone. Formula: ``u' = factor * u``. A large factor of
    either sign dominates a mean.

    Parameters
    ----------
    factor : float
    """

    space: ClassVar[Space] = "weights"
    formula: ClassVar[str] = "u' = factor * u"
    paper: ClassVar[str] = "Bagdasaryan et al., AISTATS 2020, arXiv:1807.00459"

    factor: Finite = -10.0

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"factor": (-1.0, -3.0, -100.0, 10.0)}

    def tamper(self, update: Update, view: TamperView, rng: np.random.Generator) -> Update:
        """Multiply every layer."""
        return {name: np.float32(self.factor) * own for name, own in update.items()}
