"""FLAME: admit the largest cluster of directions, clip to the median norm, add noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from frl.randomness import Purpose, generator
from frl.registry.ranges import NonNegative
from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.stack.combine import weighted_sum
from strategies.stack.gram import cosines, gram
from strategies.stack.norms import clip_factors


@register("flame")
@dataclass(frozen=True)
class Flame(Rule):
    """Cluster by cosine, clip to the median norm, average, blur (Nguyen et al., USENIX Sec. 2022).

    HDBSCAN on the cosine distances of the updates, with clusters of at least ``n//2 + 1``, admits
    the core of the one cluster that can exist (everybody if there is none). With ``S`` the
    median norm of all updates, ``result = mean of x_i min(1, S/|x_i|) over the admitted + N(0,
    (noise·S)²)``. One client moves the result by at most ``S/|admitted|``, if its direction is a
    usual one.

    Parameters
    ----------
    noise : float
        Standard deviation of the noise, in units of S; 0 adds none.
    """

    noise: NonNegative = 0.001

    space = "weights"
    formula = "mean of x_i min(1, S/|x_i|) over the main cluster + N(0, (λS)²), S the median norm"
    breakdown = "f < n/2"
    cost = "O(n² d)"
    influence = "at most S/|admitted| in a direction of the main cluster"
    paper = "Nguyen et al. 2022, arXiv:2101.02281"
    promises = frozenset({"scaling", "bounded"})

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        product = gram(updates, centred=False)
        lengths = product.diagonal().clamp(min=0).sqrt()
        median = float(lengths.median())
        admitted = _main_cluster(1 - cosines(product))
        weights = clip_factors(lengths, median) * admitted / admitted.sum()
        vector = weighted_sum(updates, weights)
        if self.noise > 0:
            random = generator(context.seed, Purpose.RULE, round=context.round)
            blur = random.standard_normal(updates.shape[1], dtype=np.float32)
            vector.add_(torch.from_numpy(blur).to(vector.device), alpha=self.noise * median)
        return Aggregate(vector, {}).weighing(weights, "long or apart")


def _main_cluster(distances: Tensor) -> Tensor:
    from sklearn.cluster import HDBSCAN

    n = len(distances)
    if n < 3:
        return torch.ones(n, dtype=torch.float64)
    clustering = HDBSCAN(
        metric="precomputed",
        min_cluster_size=n // 2 + 1,
        min_samples=1,
        allow_single_cluster=True,
        copy=True,
    )
    labels = torch.from_numpy(clustering.fit_predict(distances.numpy()))
    if not (labels >= 0).any():
        return torch.ones(n, dtype=torch.float64)
    return (labels >= 0).to(torch.float64)
