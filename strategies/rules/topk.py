"""Mean of sparsified updates."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from frl.registry.ranges import PositiveShare
from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.stack.blocks import columns
from strategies.stack.sparse import largest, share_count


@register("topk")
@dataclass(frozen=True)
class TopK(Rule):
    """Average updates of which each client sends its largest coordinates (Aji & Heafield, 2017).

    ``result = (1/n) Σ top_k(x_i)``: a coordinate a client left out counts as 0. What it left out a
    client keeps and adds to its next update (error feedback, Stich et al., 2018), so nothing of
    that is done here. An honest client sends at most ``k`` non-zero coordinates; an update with
    more is cut to its ``k`` largest. One client moves the result anywhere, but in ``k`` coordinates
    only.

    Parameters
    ----------
    share : float
        Share of the coordinates a client may send; ``k = max(1, round(share·d))``.
    """

    share: PositiveShare = 0.01

    space = "weights"
    formula = "(1/n) Σ top_k(x_i)"
    breakdown = "0"
    cost = "O(n d)"
    influence = "unbounded, in k coordinates"
    paper = "Aji and Heafield 2017, arXiv:1704.05021; Stich et al. 2018, arXiv:1809.07599"
    promises = frozenset({"scaling"})

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        n, d = updates.shape
        k = share_count(self.share, d)
        sent = torch.zeros(n, dtype=torch.int64, device=updates.device)
        for block in columns(updates):
            sent += updates[:, block].count_nonzero(dim=1)
        out = updates.new_zeros(d)
        for row, count in zip(updates, sent.tolist(), strict=True):
            out.add_(row if count <= k else row * largest(row, k))
        return Aggregate(out.div_(n), {})
