"""Centered clipping around the previous aggregate."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from frl.registry.ranges import Positive, PositiveCount
from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.stack.combine import weighted_sum
from strategies.stack.norms import clip_factors, norms


@register("centered_clipping")
@dataclass(frozen=True)
class CenteredClipping(Rule):
    """Clip the difference of every update to the last aggregate (Karimireddy et al., ICML 2021).

    ``v ← v + (1/n) Σ (x_i - v) min(1, τ/|x_i - v|)``, starting from what the previous round
    returned (0 in the first). One client moves the result by at most ``iterations·τ/n``.

    Parameters
    ----------
    tau : float
        Longest difference that counts in full, in units of the updates.
    iterations : int
        How often to repeat the step.
    """

    tau: Positive = 100.0
    iterations: PositiveCount = 1

    space = "weights"
    formula = "v + (1/n) Σ (x_i - v) min(1, τ/|x_i - v|), v the last aggregate"
    breakdown = "f ≤ n/10 (proved)"
    cost = "O(L n d) for L iterations"
    influence = "at most L τ/n"
    paper = "Karimireddy et al. 2021, arXiv:2012.10333"
    promises = frozenset({"bounded"})

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        centre = state["centre"].to(updates.device) if "centre" in state else None
        for _ in range(self.iterations):
            share = clip_factors(norms(updates, centre), self.tau) / len(updates)
            moved = weighted_sum(updates, share)
            if centre is not None:
                moved.add_(centre, alpha=1 - float(share.sum()))
            centre = moved
        assert centre is not None
        return Aggregate(centre, {"centre": centre.clone()}).weighing(share, "far")
