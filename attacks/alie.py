"""A little is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, ClassVar

import numpy as np

from attacks import register
from attacks.base import CraftView
from attacks.geometry.weight_space import OneVectorAttack, Vector
from frl.registry.ranges import Finite


@register("alie")
@dataclass(frozen=True)
class ALIE(OneVectorAttack):
    r"""Colluders hide inside the spread of the honest updates.

    Threat model: colluders know their own or the benign updates. Formula: ``u' = mean - z * std``
    per coordinate (population standard deviation), with
    ``z = Phi^-1((n - m - s) / (n - m))`` and ``s = floor(n / 2 + 1) - m`` the number of honest
    clients that must be farther out for a majority, ``n`` sampled, ``m`` malicious. ``s`` is taken
    as at least 1, which bounds ``z`` where the colluders are a majority by themselves.

    Parameters
    ----------
    source : {"colluders", "benign"}
    z : float or None
        Instead of the formula's.

    References
    ----------
    Baruch, Baruch, Goldberg, "A Little Is Enough", NeurIPS 2019, arXiv:1902.06156.
    """

    formula: ClassVar[str] = "u' = mean - z * std, z = Phi^-1((n - m - s)/(n - m))"
    paper: ClassVar[str] = "Baruch et al., NeurIPS 2019, arXiv:1902.06156"

    z: Finite | None = None

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"z": (0.5, 1.0, 2.0, 4.0)}

    def vector(self, rows: Vector, view: CraftView, count: int) -> Vector:
        """Shift the mean by ``z`` standard deviations."""
        z = alie_z(view.sampled, count) if self.z is None else self.z
        crafted: Vector = rows.mean(axis=0) - np.float32(z) * rows.std(axis=0)
        return crafted


def alie_z(n: int, m: int) -> float:
    """Largest shift, in standard deviations, that keeps a majority of supporters; 0 if none does.

    Parameters
    ----------
    n : int
        Clients of the round.
    m : int
        Malicious ones among them.
    """
    honest = n - m
    supporters = max(1, n // 2 + 1 - m)
    if honest <= supporters:
        return 0.0
    return NormalDist().inv_cdf((honest - supporters) / honest)
