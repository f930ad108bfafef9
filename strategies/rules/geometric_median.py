"""Geometric median by the smoothed Weiszfeld algorithm (RFA)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from frl.registry.ranges import Positive, PositiveCount
from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.stack.combine import weighted_sum
from strategies.stack.gram import gram


@register("geometric_median")
@dataclass(frozen=True)
class GeometricMedian(Rule):
    """Find the point of least total distance to the updates (RFA, Pillutla et al., 2022).

    ``result = argmin_z Σ |x_i - z|``, by ``z = Σ β_i x_i / Σ β_i``, ``β_i = 1/max(ν, |x_i - z|)``,
    from the mean until the weights stand still. Every iterate is an average of updates, so all
    distances follow from one Gram matrix and an iteration costs O(n²). One client pulls with a unit
    vector, however far it is.

    Parameters
    ----------
    smoothing : float
        ν as a share of the median distance to the mean; the paper's ν is an absolute distance.
    iterations : int
        Most iterations to make.
    tolerance : float
        Stop once no weight moves by more than this share of 1/n.
    """

    smoothing: Positive = 1e-6
    iterations: PositiveCount = 1000
    tolerance: Positive = 1e-9

    space = "weights"
    formula = "argmin_z Σ |x_i - z|"
    breakdown = "f < n/2"
    cost = "O(n² d)"
    influence = "a pull of unit length, whatever the distance"
    paper = "Pillutla et al. 2022, arXiv:1912.13445"
    promises = frozenset({"translation", "scaling", "bounded"})

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        weights = self.weights(gram(updates))
        return Aggregate(weighted_sum(updates, weights), {}).weighing(weights, "far")

    def weights(self, product: Tensor) -> Tensor:
        """Find each update's weight, shape (n,), summing to 1, from a centred Gram matrix."""
        n = len(product)
        weights = torch.full((n,), 1 / n, dtype=torch.float64)
        floor = self.smoothing * float(_distances(product, weights).median())
        if floor == 0:
            return weights
        for _ in range(self.iterations):
            pull = 1 / _distances(product, weights).clamp(min=floor)
            moved = pull / pull.sum()
            step = float((moved - weights).abs().max())
            weights = moved
            if step <= self.tolerance / n:
                break
        return weights


def _distances(product: Tensor, weights: Tensor) -> Tensor:
    towards = product @ weights
    return (product.diagonal() - 2 * towards + weights @ towards).clamp_(min=0).sqrt_()
