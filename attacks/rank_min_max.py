"""Min-Max, on changes of rankings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from attacks import register
from attacks.geometry.change_space import BoundedCarriedOver
from attacks.min_max import MinMax


@register("rank_min_max")
@dataclass(frozen=True)
class RankMinMax(BoundedCarriedOver):
    r"""Colluders go as far from the mean change as honest changes are from each other.

    Threat model: colluders know their own or the benign rankings, not the rule. Formula: with
    ``x_i = p_i - q``, layers weighed as in the Spearman distance, ``rank(q + u)``, ties by ``q``,
    where ``u = mean + gamma * p`` with the largest ``gamma`` such that
    ``max_i ||u - x_i|| <= max_ij ||x_i - x_j||``. Ranking moves ``u`` to the nearest ranking, which
    may be up to twice as far from the ``x_i``.

    Parameters
    ----------
    source : {"colluders", "benign"}
    direction : {"unit", "std"}
        ``p``: ``-mean / ||mean||`` or ``-std`` per edge.

    References
    ----------
    Shejwalkar, Houmansadr, "Manipulating the Byzantine", NDSS 2021; carried over.
    """

    formula: ClassVar[str] = (
        "rank(q + mean + gamma p) of p_i - q; max distance to any <= max between any two"
    )
    on_weights = MinMax
