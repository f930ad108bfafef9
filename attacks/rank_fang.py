"""Fang et al.'s directed deviation, on changes of rankings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from attacks import register
from attacks.adversary.checks import require
from attacks.base import Attack, CraftView
from attacks.fang import Fang
from attacks.geometry.change_space import CarriedOver
from frl.registry.ranges import NonNegative


@register("rank_fang")
@dataclass(frozen=True)
class RankFang(CarriedOver):
    r"""Colluders move every edge just beyond the honest changes, on the side away from their mean.

    Threat model: colluders know their own or the benign rankings. Formula: with ``x_i = p_i - q``
    and ``s = sign(mean)``, ``rank(q + mean - s * U(low, high) * std)`` per edge, ties by ``q``,
    each colluder with draws of its own.

    Parameters
    ----------
    source : {"colluders", "benign"}
    low, high : float
        3 and 4 in the paper.

    References
    ----------
    Fang, Cao, Jia, Gong, "Local Model Poisoning Attacks to Byzantine-Robust Federated Learning",
    USENIX Security 2020, arXiv:1911.11815; carried over.
    """

    formula: ClassVar[str] = "rank(q + mean - sign(mean) * U(low, high) * std) of p_i - q"
    paper: ClassVar[str] = "after Fang et al., USENIX Security 2020, arXiv:1911.11815"

    low: NonNegative = 3.0
    high: NonNegative = 4.0

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"low": (0.0, 1.0), "high": (10.0,)}

    def __post_init__(self) -> None:
        super().__post_init__()
        given = (self.low, self.high)
        require(self.low <= self.high, "rank_fang", "low, high", given, "low <= high")

    def original(self, view: CraftView, count: int) -> Attack:
        """Return the attack on weights."""
        return Fang(self.source, self.low, self.high)
