"""DYN-OPT against Multi-Krum, from one Gram matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks import register
from attacks.base import CraftView
from attacks.dyn_opt import largest_accepted
from attacks.geometry.distance_budget import Spread, spread
from attacks.geometry.weight_space import Direction, OneVectorAttack, Vector, deviation
from frl.registry.ranges import Between, Count, Positive


@register("dyn_krum")
@dataclass(frozen=True)
class DynKrum(OneVectorAttack):
    r"""Colluders push as far as Multi-Krum still selects all of them.

    Threat model: colluders know their own or the benign updates and that the rule is Multi-Krum.
    Formula: ``u' = mean + lambda * p`` with the largest ``lambda`` such that all ``m`` copies are
    among the ``n - f`` updates of the lowest Krum score (sum of squared distances to the
    ``n - f - 2`` nearest others). All distances are quadratic in ``lambda``, so one Gram
    matrix of the known updates and ``p`` serves the whole search.

    Parameters
    ----------
    source : {"colluders", "benign"}
    direction : {"std", "unit", "sign"}
        ``p``.
    f : int or None
        Malicious clients that the server assumes; the true number by default.
    limit, tolerance : float
        As for ``dyn_opt``.

    References
    ----------
    Shejwalkar, Houmansadr, "Manipulating the Byzantine", NDSS 2021.
    """

    formula: ClassVar[str] = "u' = mean + lambda p; the largest lambda with all copies selected"
    paper: ClassVar[str] = "after Shejwalkar and Houmansadr, NDSS 2021"

    direction: Direction = "std"
    f: Count | None = None
    limit: Positive = 1000.0
    tolerance: Between = 0.001

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"limit": (), "tolerance": ()}

    def vector(self, rows: Vector, view: CraftView, count: int) -> Vector:
        """Search the largest push that is selected."""
        mean: Vector = rows.mean(axis=0)
        push = deviation(rows, mean, self.direction)
        distances = spread(rows, mean, push)
        benign = len(rows) if self.known(view) is view.benign else max(1, view.sampled - count)
        assumed = count if self.f is None else self.f
        step = largest_accepted(
            lambda step: all_selected(distances, step, benign, count, assumed),
            self.limit,
            self.tolerance,
        )
        crafted: Vector = mean + np.float32(step) * push
        return crafted


def all_selected(distances: Spread, step: float, benign: int, count: int, f: int) -> bool:
    """Whether Multi-Krum selects all copies of ``mean + step * push``.

    Parameters
    ----------
    distances : Spread
        Of the known updates, repeated in turn to stand for all benign ones.
    step : float
    benign, count : int
        Updates of either kind.
    f : int
        Malicious clients that the server assumes.
    """
    scores = krum_scores(simulated_distances(distances, step, benign, count), f)
    keep = max(1, benign + count - f)
    chosen = np.argsort(scores, kind="stable")[:keep]
    return int(np.count_nonzero(chosen >= benign)) == min(count, keep)


def simulated_distances(
    distances: Spread, step: float, benign: int, count: int
) -> NDArray[np.float64]:
    """Squared distances of the benign updates followed by the copies; shape (n, n).

    Two stand-ins for the same known update are as far apart as it is from the others on average:
    real benign updates would not coincide.
    """
    known = len(distances.to_mean)
    who = np.arange(benign) % known
    n = benign + count
    typical = distances.between.sum(axis=1) / max(1, known - 1)
    table = np.zeros((n, n))
    table[:benign, :benign] = (distances.between + np.diag(typical))[np.ix_(who, who)]
    np.fill_diagonal(table, 0.0)
    table[:benign, benign:] = distances.along(step)[who, None]
    table[benign:, :benign] = table[:benign, benign:].T
    return table


def krum_scores(table: NDArray[np.float64], f: int) -> NDArray[np.float64]:
    """Sum of each row's ``n - f - 2`` smallest distances to others, at least one; shape (n,)."""
    n = len(table)
    nearest = max(1, n - f - 2)
    others = np.sort(table + np.diag(np.full(n, np.inf)), axis=1)
    scores: NDArray[np.float64] = others[:, : min(nearest, n - 1)].sum(axis=1)
    return scores
