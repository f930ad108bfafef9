"""Min-Sum, on changes of rankings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from attacks import register
from attacks.geometry.change_space import BoundedCarriedOver
from attacks.min_sum import MinSum


@register("rank_min_sum")
@dataclass(frozen=True)
class RankMinSum(BoundedCarriedOver):
    r"""Colluders keep their summed squared distance within that of some honest change.

    Threat model: colluders know their own or the benign rankings, not the rule. Formula: with
    ``x_i = p_i - q``, layers weighed as in the Spearman distance, ``rank(q + u)``, ties by ``q``,
    where ``u = mean + gamma * p`` with the largest ``gamma`` such that
    ``sum_i ||u - x_i||^2 <= max_i sum_j ||x_i - x_j||^2``. Ranking moves ``u`` to the nearest
    ranking, which may be up to twice as far from the ``x_i``.

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
        "rank(q + mean + gamma p) of p_i - q; sum of squared distances <= the largest honest one"
    )
    on_weights = MinSum
