"""Plain mean: federated averaging without a defence."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.stack.combine import mean_of


@register("mean")
@dataclass(frozen=True)
class Mean(Rule):
    """Average all updates, every client counting the same (McMahan et al., AISTATS 2017).

    ``mean(x) = (x_1 + ... + x_n) / n``. One client moves the result anywhere.
    """

    space = "weights"
    formula = "(1/n) Σ x_i"
    breakdown = "0"
    cost = "O(n d)"
    influence = "unbounded: 1/n of whatever it sends"
    paper = "McMahan et al. 2017, arXiv:1602.05629"
    promises = frozenset({"translation", "scaling"})

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        return Aggregate(mean_of(updates, range(len(updates))), {})
