"""The boundary attack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks import register
from attacks.base import Crafted, CraftView, Space
from attacks.checks import require
from attacks.consensus import ascending, summed
from attacks.crossing import (
    SAMPLE,
    Crossing,
    Estimate,
    best_crossing,
    cross,
    mask_boundaries,
    reach,
)
from attacks.informed import Informed
from frl.ranking import Positions, invert


@register("boundary")
@dataclass(frozen=True)
class Boundary(Informed):
    r"""Colluders spend their ranks on the edges nearest to the boundary of the mask.

    Threat model: colluders share their honest rankings (``source="colluders"``) or see this
    round's benign ones (``source="benign"``); they know the rule sums positions and how the mask
    is taken. Formula: order the edges by the estimated benign sum; the ``q`` edges just below the
    boundary get ranks ``n - q .. n - 1`` and the ``q`` just above it ``0 .. q - 1``; the others
    keep their order in between. ``q`` maximises the expected number of mask edges flipped, with
    the benign sum of an edge taken as normal with mean ``B * mean(votes)`` and variance
    ``(B + B^2 / m) * var(votes)`` for ``B`` benign clients and ``m`` known votes. With
    ``mask_by="abs"`` both boundaries are attacked, each with a ``q`` of its own.

    With the benign sums known no ranking sent by all colluders flips more edges
    (``mask_by="score"``). ``q`` at its largest is rank reversal, when half the edges are kept.

    Parameters
    ----------
    source : {"colluders", "benign"}
    spread : float
        Factor on the standard deviation; 0 takes the estimate as exact.
    """

    space: ClassVar[Space] = "ranks"
    formula: ClassVar[str] = (
        "q edges just below the mask's boundary get the highest ranks, q just above the lowest; "
        "q maximises expected flips"
    )
    paper: ClassVar[str] = "this project"

    spread: float = 1.0

    def __post_init__(self) -> None:
        require(0 <= self.spread < np.inf, "boundary", "spread", self.spread, "a number >= 0")

    def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
        """Send the crossing ranking of every layer from every colluder."""
        known = self.known(view)
        exact = known is view.benign
        update = {}
        for name, previous in view.previous.items():
            plan = plan_crossing(
                [vote[name] for vote in known],
                previous,
                mask_boundaries(view.setting, name, previous.size),
                benign=len(known) if exact else view.sampled - count,
                malicious=count,
                spread=0.0 if exact else self.spread,
                rng=rng,
            )
            update[name] = invert(cross(plan.order, plan.boundaries, plan.crossing))
        return Crafted([update] * count, view.state)


@dataclass(frozen=True)
class Plan:
    """The crossing of one layer: edges by estimated benign sum, boundaries, edges that cross."""

    order: NDArray[np.int32]
    boundaries: tuple[int, ...]
    crossing: Crossing


def plan_crossing(
    votes: list[Positions],
    previous: Positions,
    boundaries: tuple[int, ...],
    *,
    benign: int,
    malicious: int,
    spread: float,
    rng: np.random.Generator,
) -> Plan:
    """Choose the crossing of one layer against an estimate of the benign sum.

    Parameters
    ----------
    votes : list of int32 positions of shape (n,)
        Known honest votes.
    previous : int32 positions of shape (n,)
        Global ranking; breaks ties.
    boundaries : tuple of int
    benign, malicious : int
        Number of votes of either kind that the server will count.
    spread : float
        Factor on the standard deviation of the estimate.
    rng : numpy Generator
    """
    total = summed(votes)
    order = ascending(total, previous)
    n, known = order.size, len(votes)
    places = np.unique(np.linspace(0, n - 1, min(n, SAMPLE)).round().astype(np.int64))
    edges = order[places]
    scale = benign / known
    tie = previous[edges] / (2.0 * known * n)
    deviation = np.zeros(edges.size)
    if known > 1:
        seen = np.stack([vote[edges] for vote in votes])
        deviation = spread * np.sqrt(benign + benign * scale) * seen.std(0, ddof=1)
    estimate = Estimate(
        total[edges] * scale + tie, deviation, malicious * (n - 1) / max(1, edges.size - 1)
    )
    sampled = {at: int(np.searchsorted(places, at)) for at in boundaries}
    inside = {at: place for at, place in sampled.items() if place > 0}
    if not inside:
        return Plan(order, (), Crossing((), nearest=False))
    found = best_crossing(estimate, tuple(inside.values()), rng)
    limits = reach(tuple(inside), n)
    full = tuple(
        min(limit, round(q * n / edges.size)) for q, limit in zip(found.edges, limits, strict=True)
    )
    return Plan(order, tuple(inside), Crossing(full, found.nearest))
