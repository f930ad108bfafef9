"""Votes that carry edges across the boundary of the mask.

The mask changes state at one rank (``mask_by="score"``) or two (``mask_by="abs"``: edges of large
negative and of large positive score are kept), for each of its coats. A *crossing* lifts the ``q``
edges just below a boundary with the highest ranks and lowers the ``q`` just above it with the
lowest.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from frl.mask import Boundaries, MaskSteps

SAMPLE = 4096
DRAWS = 4
CANDIDATES = 32


class Crossing(NamedTuple):
    """A plan of a crossing: the edges to carry over each rank, and those with the largest lift.

    Attributes
    ----------
    at : tuple of int
        Ranks to carry edges over, ascending.
    edges : tuple of int
        On each side of each of them.
    nearest : bool
        Whether the nearest edges get the most extreme ranks. Otherwise the farthest do, which
        makes the weakest of the lifted edges as strong as can be.
    """

    at: tuple[int, ...]
    edges: tuple[int, ...]
    nearest: bool


@dataclass(frozen=True)
class Estimate:
    """The benign sum of positions that colluders expect, for edges in ascending order of it.

    Attributes
    ----------
    mean, deviation : float64 array of shape (n,)
        Of each edge's sum; ``mean`` ascending without equal values.
    lift : float
        What one step of the crafted ranking adds to an edge's sum.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    lift: float


def reach(boundaries: Boundaries, n: int) -> tuple[int, ...]:
    """Most edges that can cross each boundary without meeting those of the next one."""
    if not boundaries:
        return ()
    walls = (0, *((a + b) // 2 for a, b in pairwise(boundaries)), n)
    return tuple(
        min(boundary - low, high - boundary)
        for boundary, (low, high) in zip(boundaries, pairwise(walls), strict=True)
    )


def cross(order: NDArray[np.int32], crossing: Crossing) -> NDArray[np.int32]:
    """Craft the order to send from the order of the estimated benign sums.

    Parameters
    ----------
    order : int32 array of shape (n,)
        Edge ids, ascending by estimated sum.
    crossing : Crossing

    Returns
    -------
    int32 array of shape (n,)
        Lowered edges, the others as they were, lifted edges. If nothing crosses, ``order`` itself;
        if all edges cross the middle, its reversal or, with ``nearest``, its halves exchanged.
    """
    step = 1 if crossing.nearest else -1
    spans = list(zip(crossing.at, crossing.edges, strict=True))
    ends = [0, *(side for at, q in spans for side in (at - q, at + q)), order.size]
    return np.concatenate(
        [order[at : at + q][::step] for at, q in spans]
        + [order[a:b] for a, b in zip(ends[::2], ends[1::2], strict=True)]
        + [order[at - q : at][::step] for at, q in spans]
    )


def expected_flips(
    sums: NDArray[np.float64], steps: MaskSteps, crossing: Crossing, lift: float
) -> float:
    """Mean number of edges whose coats the crafted votes change.

    Parameters
    ----------
    sums : float64 array of shape (draws, n)
        Possible benign sums; columns in ascending order of the estimate.
    steps : MaskSteps
        Of the mask.
    crossing : Crossing
    lift : float
        What one step of the crafted ranking adds to a sum.
    """
    n = sums.shape[1]
    votes = np.empty(n)
    votes[cross(np.arange(n, dtype=np.int32), crossing)] = np.arange(n) * lift
    return float((_coats(sums, steps) != _coats(sums + votes, steps)).mean(0).sum())


def best_crossing(estimate: Estimate, steps: MaskSteps, rng: np.random.Generator) -> Crossing:
    """Choose the crossing that is expected to flip the most edges of the mask.

    Expected flips are counted on a few random draws of the benign sum. Searched are crossings of
    the mask's boundaries, of those of single coats and of the middle, with any number of edges and
    either ``nearest``.

    Parameters
    ----------
    estimate : Estimate
        Of all edges, or an even sample of them with ``lift`` in proportion.
    steps : MaskSteps
        Of the mask, among the edges of the estimate.
    rng : numpy Generator
        For the draws.
    """
    n = estimate.mean.size
    draws = DRAWS if estimate.deviation.any() else 1
    sums = estimate.mean + estimate.deviation * rng.standard_normal((draws, n))

    def flips(crossing: Crossing) -> float:
        return expected_flips(sums, steps, crossing, estimate.lift)

    boundaries = steps.at
    best = Crossing(boundaries, (0,) * len(boundaries), nearest=False)
    most = flips(best)
    pairs = [
        tuple(sorted({low, high})) for low, high in zip(boundaries, boundaries[::-1], strict=True)
    ]
    middle = [(n // 2,)] if n > 1 else []
    families: dict[Boundaries, None] = dict.fromkeys([boundaries, *middle, *pairs])
    for at, nearest in product(families, (False, True)):
        limits = reach(at, n)
        for q in _grid(max(limits, default=0)):
            trial = Crossing(at, tuple(min(q, limit) for limit in limits), nearest)
            if (count := flips(trial)) > most:
                best, most = trial, count
    for i, limit in enumerate(reach(best.at, n)):
        for q in _around(best.edges[i], limit, alone=len(best.at) == 1):
            trial = best._replace(edges=(*best.edges[:i], q, *best.edges[i + 1 :]))
            if (count := flips(trial)) > most:
                best, most = trial, count
    return best


def _coats(sums: NDArray[np.float64], steps: MaskSteps) -> NDArray[np.uint8]:
    """Coats of each edge, from the boundaries that its sum reaches."""
    passed = np.zeros(sums.shape, np.intp)
    if steps.at:
        for cut in np.partition(sums, steps.at, axis=1)[:, list(steps.at)].T:
            passed += sums >= cut[:, None]
    return np.array(steps.coats, np.uint8)[passed]


def _grid(limit: int) -> list[int]:
    if limit <= 2 * CANDIDATES:
        return list(range(1, limit + 1))
    return sorted({round(q) for q in np.geomspace(4, limit, CANDIDATES)})


def _around(q: int, limit: int, *, alone: bool) -> list[int]:
    if alone:
        near = np.linspace(q / 1.25, q * 1.25, 9)
        return sorted({min(limit, round(value)) for value in near})
    return [0, *_grid(limit)]
