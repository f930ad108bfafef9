"""Bucketing: average random groups of clients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from frl.randomness import Purpose, generator
from frl.registry.ranges import PositiveCount
from strategies.pre_aggregation import register
from strategies.pre_aggregation.base import PreAggregation
from strategies.rules.base import RuleContext
from strategies.stack.combine import mix


@register("bucketing")
@dataclass(frozen=True)
class Bucketing(PreAggregation):
    """Average random groups of ``size`` clients (Karimireddy et al., ICLR 2022).

    The clients are shuffled by the seed and the round and cut into ``ceil(n/size)`` groups, the
    last perhaps smaller; each row that comes out is the mean of a group. f malicious clients touch
    up to f of them, so the rule behind must stand f among fewer.

    Parameters
    ----------
    size : int
        Clients in a group.
    """

    size: PositiveCount = 2

    space = "weights, ranks"
    formula = "y_b = mean of the updates in random group b of s clients"
    cost = "O(n d)"
    paper = "Karimireddy et al. 2022, arXiv:2006.09365"

    def rows(self, n: int) -> int:
        """Return the number of groups."""
        return -(-n // self.size)

    def _transform(self, updates: Tensor, context: RuleContext, room: Tensor | None) -> Tensor:
        n = len(updates)
        by_id = sorted(range(n), key=context.clients.__getitem__)
        random = generator(context.seed, Purpose.RULE, round=context.round)
        shuffled = [by_id[place] for place in random.permutation(n)]
        matrix = torch.zeros(self.rows(n), n, dtype=torch.float64)
        for bucket, row in enumerate(matrix):
            group = shuffled[bucket * self.size : (bucket + 1) * self.size]
            row[group] = 1 / len(group)
        return mix(updates, matrix, updates.new_empty(len(matrix), updates.shape[1]))
