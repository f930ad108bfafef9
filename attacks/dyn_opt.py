"""DYN-OPT against a given rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from attacks import register
from attacks.base import CraftView, Knowledge
from attacks.geometry.weight_space import (
    Direction,
    OneVectorAttack,
    Vector,
    deviation,
    stacked,
    unstacked,
)
from frl.errors import InputError
from frl.registry.ranges import Between, Positive, PositiveShare


@register("dyn_opt")
@dataclass(frozen=True)
class DynOpt(OneVectorAttack):
    r"""Colluders push as far as the server's rule still follows.

    Threat model: colluders know their own or the benign updates and can run the rule. Formula:
    ``u' = mean + lambda * p`` with the largest ``lambda`` that the rule accepts: against
    ``lambda = 0`` its output moves along ``p`` by at least ``share`` of what a plain mean would,
    ``lambda * m / n``. Benign updates that are not known are stood in for by the known ones,
    repeated. The search doubles ``lambda`` until it is refused and then bisects, so it assumes that
    the rule which refuses one value refuses larger ones; about 15 to 25 runs of the rule a round.

    Parameters
    ----------
    source : {"colluders", "benign"}
    direction : {"std", "unit", "sign"}
        ``p``.
    share : float
    limit : float
        Largest ``lambda`` tried; a rule without a bound, such as the mean, accepts any.
    tolerance : float
        Relative, of ``lambda``.

    References
    ----------
    Shejwalkar, Houmansadr, "Manipulating the Byzantine", NDSS 2021; its search, which compares a
    trial with the trial before it, is replaced.
    """

    knowledge: ClassVar[Knowledge] = OneVectorAttack.knowledge | Knowledge.RULE
    formula: ClassVar[str] = "u' = mean + lambda p; the largest lambda that the rule still follows"
    paper: ClassVar[str] = "after Shejwalkar and Houmansadr, NDSS 2021"

    direction: Direction = "std"
    share: PositiveShare = 0.5
    limit: Positive = 1000.0
    tolerance: Between = 0.01

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "share": (0.1, 0.25),
        "limit": (),
        "tolerance": (),
    }

    def vector(self, rows: Vector, view: CraftView, count: int) -> Vector:
        """Search the largest accepted push."""
        if view.rule is None:
            raise InputError("attack 'dyn_opt' needs the server's rule")
        rule, known = view.rule, self.known(view)
        expected = max(1, view.sampled - count)
        benign = known if known is view.benign else [known[i % len(known)] for i in range(expected)]
        mean: Vector = rows.mean(axis=0)
        push = deviation(rows, mean, self.direction)
        length = float(push @ push)
        if length == 0:
            return mean

        def along(step: float) -> float:
            crafted = unstacked(mean + np.float32(step) * push, known[0])
            return float(push @ stacked([rule([*benign, *[crafted] * count])])[0]) / length

        start = along(0.0)
        fair = self.share * count / (len(benign) + count)
        step = largest_accepted(
            lambda step: along(step) - start >= fair * step, self.limit, self.tolerance
        )
        crafted: Vector = mean + np.float32(step) * push
        return crafted


def largest_accepted(accepts: Callable[[float], bool], limit: float, tolerance: float) -> float:
    """Largest value up to ``limit`` that is accepted, if what is accepted is an interval from 0.

    Parameters
    ----------
    accepts : callable
    limit : float
    tolerance : float
        The result is accepted, and a value at most this factor above it is not (or is above the
        limit). Values below ``limit * 1e-6`` count as 0.
    """
    low, high = 0.0, min(1.0, limit)
    while accepts(high):
        if high == limit:
            return limit
        low, high = high, min(2 * high, limit)
    while high > low * (1 + tolerance) and high > limit * 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if accepts(middle) else (low, middle)
    return low
