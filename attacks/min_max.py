"""Min-Max."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks import register
from attacks.base import CraftView
from attacks.geometry.distance_budget import largest_step, spread
from attacks.geometry.weight_space import Direction, OneVectorAttack, Vector, deviation


@register("min_max")
@dataclass(frozen=True)
class MinMax(OneVectorAttack):
    r"""Colluders go as far from the mean as honest updates are from each other.

    Threat model: colluders know their own or the benign updates, not the rule. Formula:
    ``u' = mean + gamma * p`` with ``p`` against the mean and ``gamma`` the largest with
    ``max_i ||u' - x_i|| <= max_ij ||x_i - x_j||``. The constraint is a quadratic in ``gamma`` for
    each ``i``, solved exactly.

    Parameters
    ----------
    source : {"colluders", "benign"}
    direction : {"std", "unit", "sign"}
        ``p``: ``-std``, ``-mean / ||mean||`` or ``-sign(mean)``.

    References
    ----------
    Shejwalkar, Houmansadr, "Manipulating the Byzantine", NDSS 2021.
    """

    formula: ClassVar[str] = "u' = mean + gamma p; max distance to any <= max between any two"
    paper: ClassVar[str] = "Shejwalkar and Houmansadr, NDSS 2021"

    direction: Direction = "std"

    def vector(self, rows: Vector, view: CraftView, count: int) -> Vector:
        """Spend the largest distance between two updates."""
        mean: Vector = rows.mean(axis=0)
        push = deviation(rows, mean, self.direction)
        distances = spread(rows, mean, push)
        gamma = min(
            largest_step(own, slope, distances.push, distances.between.max())
            for own, slope in zip(distances.to_mean, distances.slopes, strict=True)
        )
        crafted: Vector = mean + np.float32(gamma) * push
        return crafted
