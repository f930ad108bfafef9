"""Relocated orthogonal perturbation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Le

from attacks import register
from attacks.base import Crafted, CraftView, Space
from attacks.geometry.informed import Informed
from attacks.geometry.weight_space import Vector, orthogonal, stacked, unit, unstacked
from attacks.poisoned_fl import random_signs
from frl.registry.ranges import NonNegative, Share


@register("rop")
@dataclass(frozen=True)
class ROP(Informed):
    r"""Colluders lie around the server's last step, as far from it as honest updates, at an angle.

    Threat model: colluders know their own or the benign updates and the global weights of their
    rounds, and that the server judges updates by their distance to its last step, as centered
    clipping does. Formula: ``u' = v + length * D * (cos(angle) e + sin(angle) o)``, with ``v`` the
    last move of the global weights (0 at first), ``D`` the median distance of the known updates to
    it, ``e`` the direction of ``mix * v + (1 - mix) * mean`` and ``o`` that of random signs, fixed
    for the run, less its part along ``e``. At 90 degrees nothing is taken from the honest
    direction and every round adds to the same error; at 180 the perturbation is against it.

    Parameters
    ----------
    source : {"colluders", "benign"}
    angle : float
        Degrees between the perturbation and ``e``.
    length : float
    mix : float
        0 to 1.

    References
    ----------
    Ozfatura, Ozfatura, Kupcu, Gunduz, "Byzantines Can Also Learn From History: Fall of Centered
    Clipping in Federated Learning", arXiv:2208.09894. After its idea: relocated to the reference,
    orthogonal to the honest direction; the choice of ``o`` and the length in honest distances are
    this project's.
    """

    space: ClassVar[Space] = "weights"
    formula: ClassVar[str] = (
        "u' = v + D (cos(angle) e + sin(angle) o), v the last step, e the honest direction"
    )
    paper: ClassVar[str] = "after Ozfatura et al., arXiv:2208.09894"

    angle: Annotated[float, Ge(0), Le(180)] = 90.0
    length: NonNegative = 1.0
    mix: Share = 0.5

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "angle": (60.0, 120.0, 150.0, 180.0),
        "length": (0.5, 2.0, 4.0, 10.0),
        "mix": (0.1, 0.9),
    }

    def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
        """Send the same perturbed step from every colluder."""
        position = stacked([view.previous])[0]
        rows = stacked(self.known(view))
        step = position - view.state["position"] if view.state else np.zeros_like(position)
        mix = np.float32(self.mix)
        honest = unit(mix * step + (1 - mix) * rows.mean(axis=0))
        across = unit(orthogonal(random_signs(view.setting.seed, position.size), honest))
        turn = math.radians(self.angle)
        push: Vector = np.float32(math.cos(turn)) * honest + np.float32(math.sin(turn)) * across
        distance = self.length * float(np.median(np.linalg.norm(rows - step, axis=1)))
        update = unstacked(step + np.float32(distance) * push, view.own[0])
        return Crafted([update] * count, {"position": position})
