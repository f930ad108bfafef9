"""Covariance-bound agnostic filter."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from strategies.rules import register
from strategies.rules.base import Aggregate, RuleContext, RuleState
from strategies.rules.minority import MinorityRule
from strategies.stack.combine import weighted_sum
from strategies.stack.gram import gram


@register("caf")
@dataclass(frozen=True)
class CAF(MinorityRule):
    """Weigh down what stands out until the covariance is smallest (Allouah et al., 2025).

    With weights ``c`` (all 1 at first), repeated while ``Σ c_i > n-2f``: mean ``μ`` and covariance
    under ``c``, its leading eigenvector ``v``, ``τ_i = <x_i - μ, v>²``, then
    ``c_i ← c_i (1 - τ_i / max τ)``, the largest among clients that still have weight, so that
    each step takes all of it from one. The result is the ``μ`` of the least leading eigenvalue.
    Eigenvectors are linear in the updates, so all of it happens on the n x n Gram matrix. One
    client keeps its weight as long as others stand out more.

    Parameters
    ----------
    f : int
        Malicious clients assumed.
    """

    space = "weights"
    formula = "mean under weights that shrink along the leading eigenvector of the covariance"
    breakdown = "f < n/2"
    cost = "O(n² d + n⁴)"
    influence = "one n-th while it does not raise the largest eigenvalue"
    paper = "Allouah et al. 2025, arXiv:2505.01874"
    promises = frozenset({"translation", "scaling", "bounded"})

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        weights = self.weights(gram(updates))
        return Aggregate(weighted_sum(updates, weights), {}).weighing(weights, "apart")

    def weights(self, product: Tensor) -> Tensor:
        """Find each update's weight, shape (n,), summing to 1, from a centred Gram matrix."""
        n = len(product)
        count = torch.ones(n, dtype=torch.float64)
        best, least = count / n, torch.inf
        while count.sum() > n - 2 * self.f:
            share = count / count.sum()
            towards = product @ share
            centred = product - towards[:, None] - towards[None, :] + share @ towards
            root = share.sqrt()
            values, vectors = torch.linalg.eigh(root[:, None] * centred * root[None, :])
            spread = float(values[-1])
            if spread < least:
                best, least = share, spread
            deviations = (centred @ (root * vectors[:, -1])).square()
            largest = deviations[count > 0].max()
            if spread <= 0 or largest == 0:
                break
            count = (count * (1 - deviations / largest)).clamp_(min=0)
        return best
