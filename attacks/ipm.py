"""Inner-product manipulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from attacks import register
from attacks.base import CraftView
from attacks.geometry.weight_space import OneVectorAttack, Vector
from frl.registry.ranges import NonNegative


@register("ipm")
@dataclass(frozen=True)
class IPM(OneVectorAttack):
    """Colluders send the negative of the mean update, scaled.

    Threat model: colluders know their own or the benign updates and make the inner product of
    the aggregate with the true direction negative. Formula: ``u' = -epsilon * mean(known)``.

    Parameters
    ----------
    source : {"colluders", "benign"}
    epsilon : float
        A plain mean over ``n`` with ``m`` malicious turns round above ``(n - m) / m``.

    References
    ----------
    Xie, Koyejo, Gupta, "Fall of Empires", UAI 2019, arXiv:1903.03936.
    """

    formula: ClassVar[str] = "u' = -epsilon * mean(known)"
    paper: ClassVar[str] = "Xie et al., UAI 2019, arXiv:1903.03936"

    epsilon: NonNegative = 0.5

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"epsilon": (0.1, 1.0, 2.0, 5.0, 10.0, 100.0)}

    def vector(self, rows: Vector, view: CraftView, count: int) -> Vector:
        """Scale the mean."""
        crafted: Vector = np.float32(-self.epsilon) * rows.mean(axis=0)
        return crafted
