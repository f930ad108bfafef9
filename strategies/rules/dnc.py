"""Divide and conquer: drop the updates that stand out along the leading singular vector."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from frl.randomness import Purpose, generator
from frl.registry.ranges import Count, Positive, PositiveCount
from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.stack.combine import mean_of
from strategies.stack.gram import gram


@register("dnc")
@dataclass(frozen=True)
class DnC(Rule):
    """Filter outliers by spectrum on random coordinates (Shejwalkar & Houmansadr, NDSS 2021).

    Repeated ``iterations`` times: take ``dimensions`` random coordinates, centre, find the leading
    right singular vector ``v``, drop the ``drop·f`` updates of largest ``<x_i - mean, v>²``. The
    result is the mean of the updates never dropped. One client escapes by staying off the direction
    in which colluders stand out.

    Parameters
    ----------
    f : int
        Malicious clients assumed.
    iterations : int
        How often to draw coordinates and drop.
    dimensions : int
        Coordinates drawn.
    drop : float
        Updates dropped each time, in units of f.
    """

    f: Count
    iterations: PositiveCount = 1
    dimensions: PositiveCount = 10_000
    drop: Positive = 1.0

    space = "weights"
    formula = (
        "mean of the updates outside the c·f largest <x_i - mean, v>², v leading singular vector"
    )
    breakdown = "f < n/2"
    cost = "O(n d + iterations (n² r + n³)) on r coordinates"
    influence = "one n-th while its outlier score stays below the f largest"
    paper = "Shejwalkar and Houmansadr 2021, NDSS (10.14722/ndss.2021.24498)"
    promises = frozenset({"translation", "scaling", "bounded"})

    def minimum(self) -> int:
        """Leave an honest majority, and one update that is never dropped."""
        return max(2 * self.f, int(self.drop * self.f) * self.iterations) + 1

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        random = generator(context.seed, Purpose.RULE, round=context.round)
        n, d = updates.shape
        kept = set(range(n))
        for _ in range(self.iterations):
            drawn = random.choice(d, min(d, self.dimensions), replace=False)
            drawn.sort()
            sample = updates[:, torch.from_numpy(drawn).to(updates.device)]
            scores = _outlier_scores(gram(sample)).tolist()
            ranked = sorted(range(n), key=lambda row: (scores[row], context.clients[row]))
            kept &= set(ranked[: n - int(self.drop * self.f)])
        return Aggregate(mean_of(updates, sorted(kept)), {}).keeping(kept, n)


def _outlier_scores(product: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(product)
    scores: Tensor = values[-1] * vectors[:, -1].square()
    return scores
