"""Median position of every edge."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.stack.combine import sum_dtype
from strategies.stack.order import in_order, median_groups, middle


@register("median_position")
@dataclass(frozen=True)
class MedianPosition(Rule):
    """Rank edges by the median of their positions (median rank aggregation, Fagin et al., 2003).

    ``reputation[e] = 2 · median(p_1[e], ..., p_n[e])``; twice the median, so that it is an integer
    for even n too. One client moves an edge no farther than to the positions next to the median of
    the others, which lie close together where honest clients agree. Medians tie more often than
    sums; the previous ranking decides.
    """

    space = "ranks"
    formula = "2 · median of p_i[e]"
    breakdown = "f < n/2"
    cost = "O(n log² n · d)"
    influence = "an edge stays between the neighbours of the others' median"
    paper = "Fagin et al. 2003, SIGMOD (10.1145/872757.872795), on edge positions here"

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        n, d = updates.shape
        low, high = middle(n)
        out = torch.empty(d, dtype=sum_dtype(2, max(context.layers)), device=updates.device)
        for block, rows in in_order(updates, median_groups(n)):
            out[block].copy_(rows[low]).add_(rows[high])
        return Aggregate(out, {})
