"""Sum of positions: the vote of federated rank learning."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.stack.combine import position_sum


@register("sum")
@dataclass(frozen=True)
class Sum(Rule):
    """Add up the positions of every edge, a Borda count (Mozaffari et al., USENIX Security 2023).

    ``reputation[e] = Σ p_i[e]``, exact, in int32 where n times the largest layer fits and int64
    otherwise. One client moves an edge of a layer of size ``n_l`` by at most ``n_l - 1``, and all
    edges together by at most ``n_l²/2``.
    """

    space = "ranks"
    formula = "Σ p_i[e]"
    breakdown = "f < n/2 for an edge on which all honest clients agree"
    cost = "O(n d)"
    influence = "at most n_l - 1 on an edge"
    paper = "Mozaffari et al. 2023, arXiv:2110.04350"

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        rows = range(len(updates))
        return Aggregate(position_sum(updates, rows, max(context.layers)), {})
