"""DYN-OPT against a given rule, on changes of rankings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from attacks import register
from attacks.base import Attack, CraftView, Knowledge
from attacks.dyn_opt import DynOpt
from attacks.geometry.change_space import CarriedOver, RankDirection
from frl.registry.ranges import Between, Positive, PositiveShare


@register("rank_dyn_opt")
@dataclass(frozen=True)
class RankDynOpt(CarriedOver):
    r"""Colluders push against the mean change as far as the server's rule still follows.

    Threat model: colluders know their own or the benign rankings and can run the rule. Formula:
    with ``x_i = p_i - q``, layers weighed as in the Spearman distance, ``rank(q + mean + lambda *
    p)``, ties by ``q``, with the largest ``lambda`` at which the rule's ranking still moves along
    ``p`` by at least ``share`` of ``lambda * m / n``. A push is longer than a ranking can follow
    from a ``lambda`` of about 1, where the search ends by itself.

    Parameters
    ----------
    source : {"colluders", "benign"}
    direction : {"unit", "std"}
        ``p``: ``-mean / ||mean||`` or ``-std`` per edge.
    share : float
    limit : float
        Largest ``lambda`` tried.
    tolerance : float
        Relative, of ``lambda``.

    References
    ----------
    Shejwalkar, Houmansadr, "Manipulating the Byzantine", NDSS 2021; its search, which compares a
    trial with the trial before it, is replaced; carried over.
    """

    knowledge: ClassVar[Knowledge] = CarriedOver.knowledge | Knowledge.RULE
    formula: ClassVar[str] = (
        "rank(q + mean + lambda p) of p_i - q; the largest lambda that the rule still follows"
    )
    paper: ClassVar[str] = "after Shejwalkar and Houmansadr, NDSS 2021"

    direction: RankDirection = "unit"
    share: PositiveShare = 0.5
    limit: Positive = 4.0
    tolerance: Between = 0.1

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "share": (0.1, 0.25),
        "limit": (),
        "tolerance": (),
    }

    def original(self, view: CraftView, count: int) -> Attack:
        """Return the attack on weights."""
        return DynOpt(
            source=self.source,
            direction=self.direction,
            share=self.share,
            limit=self.limit,
            tolerance=self.tolerance,
        )
