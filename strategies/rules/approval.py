"""Approval vote: count the clients that would keep an edge."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from frl.ranking import kept_edges
from frl.registry.ranges import PositiveShare
from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.stack.blocks import columns, layer_bounds


@register("approval")
@dataclass(frozen=True)
class Approval(Rule):
    """Count, for every edge, the clients that have it in their mask (approval voting).

    ``reputation[e] = |{i : p_i[e] >= n_l - k_l}|``, ``k_l`` the edges that a mask keeps in a layer
    of size ``n_l``. One client moves an edge by 1, against ``n_l - 1`` in a sum. Counts tie often;
    the previous ranking decides.

    Parameters
    ----------
    keep : float, optional
        Share of the edges that a vote approves of; that of the mask by default.
    """

    keep: PositiveShare | None = None

    space = "ranks"
    formula = "|{i : edge e is among the top k_l of client i}|"
    breakdown = "f < n/2 for an edge on which all honest clients agree"
    cost = "O(n d)"
    influence = "1 vote on an edge"
    paper = "Brams and Fishburn 1978 (10.2307/1955105), on masks here"

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        keep = context.keep if self.keep is None else self.keep
        out = torch.zeros(updates.shape[1], dtype=torch.int32, device=updates.device)
        for start, stop in layer_bounds(context.layers):
            threshold = stop - start - kept_edges(stop - start, keep)
            for block in columns(updates, start, stop):
                count = out[block]
                for row in updates[:, block]:
                    count.add_(row >= threshold)
        return Aggregate(out, {})
