"""Sum of positions, each kept near the previous one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from frl.registry.ranges import PositiveShare
from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.stack.blocks import columns, layer_bounds
from strategies.stack.combine import sum_dtype


@register("clipped_shift")
@dataclass(frozen=True)
class ClippedShift(Rule):
    """Let a client move an edge by at most a share of the layer, from where it was.

    With ``q`` the ranking the round began with and ``t = max(1, int(tau · n_l))`` in a layer of
    size ``n_l``: ``reputation[e] = Σ (q[e] + clip(p_i[e] - q[e], -t, t))``. One client moves an
    edge by at most ``2t`` instead of ``n_l - 1``; ``tau = 1`` is the plain sum. It is to rankings
    what centered clipping (Karimireddy et al., 2021) is to updates.

    Parameters
    ----------
    tau : float
        Largest shift that counts in full, as a share of the layer.
    """

    tau: PositiveShare = 0.05

    space = "ranks"
    formula = "Σ (q[e] + clip(p_i[e] - q[e], ±τ n_l)), q the previous ranking"
    breakdown = "f < n/2 for an edge on which all honest clients agree"
    cost = "O(n d)"
    influence = "at most 2 τ n_l on an edge"
    paper = "after Karimireddy et al. 2021, arXiv:2012.10333, on edge positions"
    needs_previous = True

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        assert context.previous is not None
        n, d = updates.shape
        previous = context.previous.to(updates.device)
        out = torch.empty(d, dtype=sum_dtype(n, max(context.layers)), device=updates.device)
        for start, stop in layer_bounds(context.layers):
            limit = max(1, int(self.tau * (stop - start)))
            for block in columns(updates, start, stop):
                origin = previous[block]
                total = out[block].copy_(origin).mul_(n)
                for row in updates[:, block]:
                    total.add_((row - origin).clamp_(-limit, limit))
        return Aggregate(out, {})
