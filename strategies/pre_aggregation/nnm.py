"""Nearest-neighbour mixing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from frl.registry.ranges import Count
from strategies.pre_aggregation import register
from strategies.pre_aggregation.base import PreAggregation
from strategies.rules.base import RuleContext
from strategies.stack.combine import mix
from strategies.stack.gram import gram, spearman_weights, squared_distances


@register("nnm")
@dataclass(frozen=True)
class NNM(PreAggregation):
    """Replace every update by the mean of its n-f nearest (Allouah et al., AISTATS 2023).

    ``y_i = (1/(n-f)) Σ of the n-f updates nearest to x_i``, itself included. Distances come from
    one Gram matrix and all means from one product with an n x n matrix. Rankings are compared by
    Spearman's distance, averaged over the layers; the lower client id wins a tie.

    Parameters
    ----------
    f : int
        Malicious clients assumed.
    """

    f: Count

    space = "weights, ranks"
    formula = "y_i = mean of the n-f updates nearest to x_i"
    cost = "O(n² d)"
    paper = "Allouah et al. 2023, arXiv:2302.01772"

    def minimum(self) -> int:
        """Leave an update a neighbour: itself."""
        return self.f + 1

    def _transform(self, updates: Tensor, context: RuleContext, room: Tensor | None) -> Tensor:
        if updates.is_floating_point():
            product = gram(updates)
        else:
            weights = spearman_weights(context.layers)
            product = gram(updates, layers=context.layers, layer_weights=weights)
        matrix = self.neighbours(squared_distances(product), context.clients)
        return mix(updates, matrix, torch.empty_like(updates) if room is None else room)

    def neighbours(self, distances: Tensor, clients: tuple[int, ...]) -> Tensor:
        """Return the mixing matrix, shape (n, n), float64: 1/(n-f) where k is near i, else 0."""
        n = len(distances)
        by_id = torch.tensor(clients).argsort()
        nearest = by_id[distances[:, by_id].argsort(dim=1, stable=True)[:, : n - self.f]]
        return torch.zeros_like(distances).scatter_(1, nearest, 1 / (n - self.f))
