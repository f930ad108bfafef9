"""Noise on a client's own ranking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from attacks import register
from attacks.base import Attack, Knowledge, Space, TamperView, Update
from frl.ranking import rank
from frl.registry.ranges import NonNegative


@register("rank_noise")
@dataclass(frozen=True)
class RankNoise(Attack):
    """A client blurs its own ranking.

    Threat model: malicious clients act alone. Formula: rank ``positions + strength * n * g`` again,
    ``g`` standard normal and independent for each edge. Strength 0 is an honest vote; from about 1
    the vote is random.

    Parameters
    ----------
    strength : float
        Standard deviation of the noise as a share of the layer's number of edges.
    """

    space: ClassVar[Space] = "ranks"
    knowledge: ClassVar[Knowledge] = Knowledge.OWN
    formula: ClassVar[str] = "positions' = rank(positions + strength * n * N(0, 1))"
    paper: ClassVar[str] = "this project"

    strength: NonNegative = 0.5

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"strength": (0.1, 0.25, 1.0)}

    def tamper(self, update: Update, view: TamperView, rng: np.random.Generator) -> Update:
        """Rank the blurred positions of every layer."""
        return {name: self._blurred(own, rng) for name, own in update.items()}

    def _blurred(self, own: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        noise = rng.standard_normal(own.size, dtype=np.float32)
        noise *= np.float32(self.strength * own.size)
        noise += own
        return rank(noise)
