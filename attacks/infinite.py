"""Values that are not finite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from attacks import register
from attacks.base import Attack, Space, TamperView, Update
from frl.registry.ranges import Share


@register("infinite")
@dataclass(frozen=True)
class Infinite(Attack):
    """A client puts values into its update that are not finite.

    Threat model: malicious clients act alone; one such value in an unchecked sum ruins the model.
    Formula: a share of each layer's coordinates, at least one, becomes NaN or infinite.

    Parameters
    ----------
    mode : {"nan", "inf", "-inf", "mixed"}
        ``"mixed"`` draws one of the other three for each coordinate.
    share : float
    """

    space: ClassVar[Space] = "weights"
    formula: ClassVar[str] = "a share of the coordinates becomes NaN or +-inf"
    paper: ClassVar[str] = "folklore"

    mode: Literal["nan", "inf", "-inf", "mixed"] = "nan"
    share: Share = 1.0

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"mode": ("mixed",), "share": ()}

    def tamper(self, update: Update, view: TamperView, rng: np.random.Generator) -> Update:
        """Replace the chosen coordinates of every layer."""
        return {name: self._ruined(own, rng) for name, own in update.items()}

    def _ruined(self, own: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        ruined = own.copy()
        number = min(own.size, max(1, round(self.share * own.size)))
        chosen = rng.choice(own.size, number, replace=False)
        values = np.array([np.nan, np.inf, -np.inf], np.float32)
        if self.mode == "mixed":
            ruined.reshape(-1)[chosen] = rng.choice(values, number)
        else:
            ruined.reshape(-1)[chosen] = np.float32(self.mode)
        return ruined
