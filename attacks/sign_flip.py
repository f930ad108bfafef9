"""Sign flip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from attacks import register
from attacks.base import Attack, Space, TamperView, Update
from frl.registry.ranges import NonNegative


@register("sign_flip")
@dataclass(frozen=True)
class SignFlip(Attack):
    """A client sends the opposite of its own update.

    Threat model: malicious clients act alone. Formula: ``u' = -strength * u``.

    Parameters
    ----------
    strength : float

    References
    ----------
    Li et al., "RSA: Byzantine-Robust Stochastic Aggregation Methods", AAAI 2019, arXiv:1811.03761.
    """

    space: ClassVar[Space] = "weights"
    formula: ClassVar[str] = "u' = -strength * u"
    paper: ClassVar[str] = "Li et al., AAAI 2019, arXiv:1811.03761"

    strength: NonNegative = 1.0

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"strength": (3.0, 10.0, 100.0)}

    def tamper(self, update: Update, view: TamperView, rng: np.random.Generator) -> Update:
        """Negate every layer."""
        return {name: np.float32(-self.strength) * own for name, own in update.items()}
