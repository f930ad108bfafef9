"""Gaussian noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from attacks import register
from attacks.base import Attack, Space, TamperView, Update
from frl.registry.ranges import NonNegative


@register("gaussian")
@dataclass(frozen=True)
class Gaussian(Attack):
    """A client sends noise instead of its update.

    Threat model: malicious clients act alone. Formula: ``u' ~ N(0, (strength * rms(u))^2)``, layer
    by layer, so that strength 1 has about the norm of an honest update.

    Parameters
    ----------
    strength : float
        Standard deviation in units of the layer's root mean square.

    References
    ----------
    Blanchard et al., "Machine Learning with Adversaries", NeurIPS 2017, arXiv:1703.02757.
    """

    space: ClassVar[Space] = "weights"
    formula: ClassVar[str] = "u' ~ N(0, (strength * rms(u))^2)"
    paper: ClassVar[str] = "Blanchard et al., NeurIPS 2017, arXiv:1703.02757"

    strength: NonNegative = 10.0

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"strength": (1.0, 3.0, 100.0)}

    def tamper(self, update: Update, view: TamperView, rng: np.random.Generator) -> Update:
        """Draw every layer."""
        noisy = {}
        for name, own in update.items():
            deviation = self.strength * np.sqrt(np.mean(np.square(own, dtype=np.float64)))
            noisy[name] = np.float32(deviation) * rng.standard_normal(own.shape, dtype=np.float32)
        return noisy
