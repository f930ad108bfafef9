"""Min-Sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks import register
from attacks.base import CraftView
from attacks.geometry.distance_budget import largest_step, spread
from attacks.geometry.weight_space import Direction, OneVectorAttack, Vector, deviation


@register("min_sum")
@dataclass(frozen=True)
class MinSum(OneVectorAttack):
    r"""Colluders keep their summed squared distance within that of some honest update.

    Threat model: as for Min-Max. Formula: ``u' = mean + gamma * p`` with ``gamma`` the largest with
    ``sum_i ||u' - x_i||^2 <= max_i sum_j ||x_i - x_j||^2``, one quadratic in ``gamma``.

    Parameters
    ----------
    source : {"colluders", "benign"}
    direction : {"std", "unit", "sign"}

    References
    ----------
    Shejwalkar, Houmansadr, "Manipulating the Byzantine", NDSS 2021.
    """

    formula: ClassVar[str] = (
        "u' = mean + gamma p; sum of squared distances <= the largest honest one"
    )
    paper: ClassVar[str] = "Shejwalkar and Houmansadr, NDSS 2021"

    direction: Direction = "std"

    def vector(self, rows: Vector, view: CraftView, count: int) -> Vector:
        """Spend the largest summed distance of an update to the others."""
        mean: Vector = rows.mean(axis=0)
        push = deviation(rows, mean, self.direction)
        distances = spread(rows, mean, push)
        gamma = largest_step(
            distances.to_mean.sum(),
            distances.slopes.sum(),
            len(rows) * distances.push,
            distances.between.sum(axis=1).max(),
        )
        crafted: Vector = mean + np.float32(gamma) * push
        return crafted
