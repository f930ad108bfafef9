"""Fang et al.'s directed deviation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from attacks import register
from attacks.adversary.checks import require
from attacks.base import Crafted, CraftView, Space
from attacks.geometry.informed import Informed
from attacks.geometry.weight_space import stacked, unstacked
from frl.registry.ranges import NonNegative


@register("fang")
@dataclass(frozen=True)
class Fang(Informed):
    r"""Colluders lie just outside the honest values, on the side away from the mean's direction.

    Threat model: colluders know their own or the benign updates; the version against trimmed
    mean and median with partial knowledge. Formula, per coordinate with ``s = sign(mean)``: a
    uniform draw from ``mean - s * [low, high] * std``, each colluder its own (population standard
    deviation).

    Parameters
    ----------
    source : {"colluders", "benign"}
    low, high : float
        3 and 4 in the paper.

    References
    ----------
    Fang, Cao, Jia, Gong, "Local Model Poisoning Attacks to Byzantine-Robust Federated Learning",
    USENIX Security 2020, arXiv:1911.11815.
    """

    space: ClassVar[Space] = "weights"
    formula: ClassVar[str] = "u' = mean - sign(mean) * U(low, high) * std"
    paper: ClassVar[str] = "Fang et al., USENIX Security 2020, arXiv:1911.11815"

    low: NonNegative = 3.0
    high: NonNegative = 4.0

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"low": (0.0, 1.0), "high": (10.0,)}

    def __post_init__(self) -> None:
        super().__post_init__()
        given = (self.low, self.high)
        require(self.low <= self.high, "fang", "low, high", given, "low <= high")

    def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
        """Draw one vector for each colluder."""
        known = self.known(view)
        rows = stacked(known)
        mean = rows.mean(axis=0)
        push = np.sign(mean) * rows.std(axis=0)
        updates = []
        for _ in range(count):
            factor = rng.random(mean.size, dtype=np.float32)
            factor *= np.float32(self.high - self.low)
            factor += np.float32(self.low)
            updates.append(unstacked(mean - factor * push, known[0]))
        return Crafted(updates, view.state)
