"""A little is enough, on changes of rankings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from attacks import register
from attacks.alie import ALIE, alie_z
from attacks.base import Attack, CraftView
from attacks.fang import Fang
from attacks.geometry.change_space import CarriedOver
from frl.registry.ranges import NonNegative


@register("rank_alie")
@dataclass(frozen=True)
class RankALIE(CarriedOver):
    r"""Colluders hide inside the spread of what honest votes changed.

    Threat model: colluders know their own or the benign rankings. Formula: with ``x_i = p_i - q``
    the change of vote ``i``, ``rank(q + mean - z * s * std)`` per edge, ties by ``q``, where ``s``
    is ``sign(mean)`` (``direction="against"``) or 1 as in the original (``"std"``, which on
    rankings only lowers the edges that votes disagree about). ``z`` is the original's.

    Parameters
    ----------
    source : {"colluders", "benign"}
    direction : {"against", "std"}
    z : float or None
        Instead of the formula's.

    References
    ----------
    Baruch, Baruch, Goldberg, "A Little Is Enough", NeurIPS 2019, arXiv:1902.06156; carried over.
    """

    formula: ClassVar[str] = "rank(q + mean - z * sign(mean) * std) of p_i - q"
    paper: ClassVar[str] = "after Baruch et al., NeurIPS 2019, arXiv:1902.06156"

    direction: Literal["against", "std"] = "against"
    z: NonNegative | None = None

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"z": (0.5, 1.0, 2.0, 4.0)}

    def original(self, view: CraftView, count: int) -> Attack:
        """Return ALIE, or its shift turned against the mean."""
        z = alie_z(view.sampled, count) if self.z is None else self.z
        if self.direction == "std":
            return ALIE(self.source, z)
        return Fang(self.source, low=max(0.0, z), high=max(0.0, z))
