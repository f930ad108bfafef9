"""Distance filter: drop the rankings farthest from the middle one, add up the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from strategies.rules import register
from strategies.rules.base import Aggregate, RuleContext, RuleState
from strategies.rules.minority import MinorityRule
from strategies.stack.blocks import layer_bounds
from strategies.stack.combine import position_sum
from strategies.stack.order import in_order, median_groups, middle


@register("distance_filter")
@dataclass(frozen=True)
class DistanceFilter(MinorityRule):
    """Drop the f rankings farthest from the reference, add up the others.

    The reference is each edge's median or mean position. In a layer of size ``n_l`` the distance is
    Spearman's ``Σ (p_i - r)² · 3/(n_l (n_l² - 1))`` or the footrule ``Σ |p_i - r| · 2/n_l²``, 1 at
    most between two rankings, and a client's distance is the mean over the layers. Layers thus
    count the same however large: a client that turns only a small layer around is as far out as one
    that turns only a large one. One client inside the honest spread counts as in a sum.

    Parameters
    ----------
    f : int
        Malicious clients assumed.
    metric : {"spearman", "footrule"}
    reference : {"median", "mean"}
    """

    metric: Literal["spearman", "footrule"] = "spearman"
    reference: Literal["median", "mean"] = "median"

    space = "ranks"
    formula = "Σ p_i[e] over all but the f clients farthest from the median position"
    breakdown = "f < n/2"
    cost = "O(n log² n · d)"
    influence = "at most n_l - 1 on an edge, from inside the honest spread"
    paper = "Diaconis and Graham 1977 (10.1111/j.2517-6161.1977.tb01624.x) for the distances"

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        distances = self.distances(updates, context.layers).tolist()
        ranked = sorted(range(len(updates)), key=lambda row: (distances[row], context.clients[row]))
        kept = sorted(ranked[: len(updates) - self.f])
        reputation = position_sum(updates, kept, max(context.layers))
        return Aggregate(reputation, {}).keeping(kept, len(updates))

    def distances(self, positions: Tensor, layers: tuple[int, ...]) -> Tensor:
        """Measure each row's distance from the reference: shape (n,), float64, on the CPU."""
        n = len(positions)
        low, high = middle(n)
        groups = median_groups(n) if self.reference == "median" else [0] * n
        order = 2 if self.metric == "spearman" else 1
        total = torch.zeros(n, dtype=torch.float64, device=positions.device)
        for start, stop in layer_bounds(layers):
            size = stop - start
            largest = size * (size**2 - 1) / 3 if order == 2 else size**2 / 2
            part = torch.zeros_like(total)
            for block, rows in in_order(positions, groups, start=start, stop=stop):
                if self.reference == "median":
                    centre = (rows[low].double() + rows[high]) / 2
                else:
                    centre = positions[:, block].sum(dim=0).double() / n
                for place, row in enumerate(positions[:, block]):
                    apart = torch.linalg.vector_norm(row.double() - centre, ord=order)
                    part[place] += apart**order
            total += part / max(1.0, largest)
        return (total / len(layers)).cpu()
