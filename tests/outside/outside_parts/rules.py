"""A rule of somebody else's."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from strategies.rules import Aggregate, Rule, RuleContext, RuleState


@dataclass(frozen=True)
class OutsideMedian(Rule):
    """Middle position of every edge."""

    space = "ranks"
    formula = "median of p_i[e]"
    paper = "this project"

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        return Aggregate(updates.median(dim=0).values.long(), {})
