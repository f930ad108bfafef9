"""SignGuard: filter by norm and by the make-up of signs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from frl.randomness import Purpose, generator
from frl.registry.ranges import NonNegative, Positive, PositiveShare
from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.stack.blocks import columns
from strategies.stack.combine import weighted_sum
from strategies.stack.norms import clip_factors, norms


@register("signguard")
@dataclass(frozen=True)
class SignGuard(Rule):
    """Average the updates of usual norm and usual sign statistics, clipped (Xu et al., ICDCS 2022).

    With ``M`` the median norm, a client passes the first filter if ``lower <= |x_i|/M <= upper``.
    For the second, the shares of positive, zero and negative signs on a random stretch of
    coordinates are clustered by mean shift, and the largest cluster passes. The result is the mean
    of ``x_i min(1, M/|x_i|)`` over those that pass both (over the second alone if nobody does). One
    client with usual norm and sign counts moves the result by ``M`` over the number that pass, in
    any such direction.

    Parameters
    ----------
    lower, upper : float
        Norms admitted, in units of the median norm.
    share : float
        Share of the coordinates whose signs are counted.
    """

    lower: NonNegative = 0.1
    upper: Positive = 3.0
    share: PositiveShare = 0.1

    space = "weights"
    formula = "mean of x_i min(1, M/|x_i|) over usual norms and sign counts, M the median norm"
    breakdown = "f < n/2"
    cost = "O(n d)"
    influence = "at most M over the number admitted"
    paper = "Xu et al. 2022, arXiv:2109.05872"
    promises = frozenset({"scaling", "bounded"})

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        lengths = norms(updates)
        median = float(lengths.median())
        usual_norm = (lengths >= self.lower * median) & (lengths <= self.upper * median)
        usual_signs = _largest_cluster(self._sign_shares(updates, context))
        both = usual_norm & usual_signs
        admitted = (both if both.any() else usual_signs).to(torch.float64)
        weights = clip_factors(lengths, median) * admitted / admitted.sum()
        return Aggregate(weighted_sum(updates, weights), {}).weighing(weights, "long or apart")

    def _sign_shares(self, updates: Tensor, context: RuleContext) -> NDArray[np.float64]:
        n, d = updates.shape
        length = max(1, round(self.share * d))
        random = generator(context.seed, Purpose.RULE, round=context.round)
        start = int(random.integers(0, d - length + 1))
        counts = torch.zeros(n, 2, dtype=torch.int64, device=updates.device)
        for block in columns(updates, start, start + length):
            values = updates[:, block]
            counts[:, 0] += (values > 0).sum(dim=1)
            counts[:, 1] += (values < 0).sum(dim=1)
        shares = counts.cpu().numpy() / length
        return np.column_stack([shares, 1 - shares.sum(axis=1)])


def _largest_cluster(features: NDArray[np.float64]) -> Tensor:
    from sklearn.cluster import MeanShift, estimate_bandwidth

    bandwidth = estimate_bandwidth(features, quantile=0.5)
    if not bandwidth > 0:
        bandwidth = 1e-9
    labels = MeanShift(bandwidth=bandwidth).fit_predict(features)
    return torch.from_numpy(labels == np.bincount(labels).argmax())
