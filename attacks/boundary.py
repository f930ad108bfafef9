"""The boundary attack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attacks import register
from attacks.base import Crafted, CraftView, Space
from attacks.geometry.consensus import ascending, summed
from attacks.geometry.crossing import (
    SAMPLE,
    Crossing,
    Estimate,
    best_crossing,
    cross,
    reach,
)
from attacks.geometry.informed import Informed
from frl.mask import MaskSteps
from frl.ranking import Positions, invert
from frl.registry.ranges import NonNegative


@register("boundary")
@dataclass(frozen=True)
class Boundary(Informed):
    r"""Colluders spend their ranks on the edges nearest to the boundary of the mask.

    Threat model: colluders share their honest rankings (``source="colluders"``) or see this
    round's benign ones (``source="benign"``); they know the rule sums positions and how the mask
    is taken. Formula: order the edges by the estimated benign sum; the ``q`` edges just below the
    boundary get ranks ``n - q .. n - 1`` and the ``q`` just above it ``0 .. q - 1``; the others
    keep their order in between. ``q`` maximises the expected number of mask edges flipped. For
    ``B`` benign clients and ``m`` known votes of mean ``x`` and variance ``s^2``, an edge's benign
    sum is taken as normal with mean ``B (c + rho (x - c))`` and variance
    ``B s^2 + B^2 rho s^2 / m``, where ``c = (n - 1) / 2`` and ``rho`` is the share of the variance
    of ``x`` over the edges that is not noise. With ``mask_by="abs"`` both boundaries are
    attacked, each with a ``q`` of its own, and so are those of every coat of the mask: then an edge
    counts as flipped when it gets or loses a coat.

    With the benign sums known no ranking sent by all colluders flips more edges
    (``mask_by="score"``). Rank reversal and half swap are in the family that is searched.

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

    spread: NonNegative = 1.0

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"spread": (0.0, 3.0)}

    def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
        """Send the crossing ranking of every layer from every colluder."""
        known = self.known(view)
        exact = known is view.benign
        update = {}
        for name, previous in view.previous.items():
            plan = plan_crossing(
                [vote[name] for vote in known],
                previous,
                view.setting.steps(name, previous.size),
                benign=len(known) if exact else view.sampled - count,
                malicious=count,
                spread=0.0 if exact else self.spread,
                rng=rng,
            )
            update[name] = invert(cross(plan.order, plan.crossing))
        return Crafted([update] * count, view.state)


class Plan(NamedTuple):
    """The crossing of one layer, with its edges ascending by the estimated benign sum."""

    order: NDArray[np.int32]
    crossing: Crossing


def plan_crossing(
    votes: list[Positions],
    previous: Positions,
    steps: MaskSteps,
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
    steps : MaskSteps
        Of the layer.
    benign, malicious : int
        Number of votes of either kind that the server will count.
    spread : float
        Factor on the standard deviation of the estimate.
    rng : numpy Generator
    """
    total = summed(votes)
    order = ascending(total, previous)
    n = order.size
    places = np.unique(np.linspace(0, n - 1, min(n, SAMPLE)).round().astype(np.int64))
    inside = tuple(np.searchsorted(places, steps.at).tolist())
    if not inside:
        return Plan(order, Crossing((), (), nearest=False))
    edges = order[places]
    seen = np.stack([vote[edges] for vote in votes])
    estimate = estimate_sums(seen, previous[edges], benign, malicious, spread, n)
    found = best_crossing(estimate, steps._replace(at=inside), rng)
    exact = dict(zip(inside, steps.at, strict=True))
    at = tuple(exact.get(place, round(place * n / edges.size)) for place in found.at)
    full = tuple(
        min(limit, round(q * n / edges.size))
        for q, limit in zip(found.edges, reach(at, n), strict=True)
    )
    return Plan(order, Crossing(at, full, found.nearest))


def estimate_sums(
    seen: NDArray[np.int32],
    previous: Positions,
    benign: int,
    malicious: int,
    spread: float,
    n: int,
) -> Estimate:
    """Estimate the benign sum of some edges of a layer.

    Parameters
    ----------
    seen : int32 array of shape (m, edges)
        Known votes on these edges, which ascend by their sum, ties by ``previous``.
    previous : int32 array of shape (edges,)
    benign, malicious : int
        Number of votes of either kind.
    spread : float
        Factor on the standard deviation; 0 also takes the mean as it is, without shrinking it.
    n : int
        Edges of the layer.
    """
    known, edges = seen.shape
    mean = seen.mean(axis=0)
    noise = seen.var(axis=0, ddof=1) * spread**2 if known > 1 else np.zeros(edges)
    observed = float(np.mean((mean - (n - 1) / 2) ** 2))
    trust = 1.0 - min(0.99, float(noise.mean()) / known / observed) if observed else 1.0
    centred = benign * ((n - 1) / 2 + trust * (mean - (n - 1) / 2))
    ties = previous * (trust * benign / (2.0 * known * known * n))
    return Estimate(
        centred + ties,
        np.sqrt(benign * noise + benign**2 * trust * noise / known),
        malicious * (n - 1) / max(1, edges - 1),
    )
