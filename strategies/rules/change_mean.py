"""A mean of updates, each as far as the run so far and the others bear it out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from frl.registry.ranges import Decay
from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.stack.blocks import layer_bounds
from strategies.stack.combine import weighted_sum
from strategies.stack.gram import layer_grams
from strategies.stack.standing import standing
from strategies.stack.trust import after, trust


@register("change_mean")
@dataclass(frozen=True)
class ChangeMean(Rule):
    """Average updates weighed by direction and likeness: the change vote, on weights.

    In each layer an update longer than is usual is scaled down to that, and what opposes the mean
    of what the others agree on is left out; the result is
    ``sum w_i x_i / sum w_i``, or 0 where nobody counts, with the weights of
    :func:`strategies.stack.standing.standing`. The memory becomes ``memory`` times itself plus what
    the round agreed on. One client, and any number of them, moves a layer at most by the usual
    length of an update. Nothing is assumed about the number of malicious clients. It remembers one
    float32 a weight, and two numbers a client.

    Parameters
    ----------
    memory : float
        Share of the memory that a round leaves, 0 to less than 1.
    """

    memory: Decay = 0.8

    space = "weights"
    formula = "Σ w_i x_i / Σ w_i, x_i of at most the usual length, none against the others"
    breakdown = "f < n/2 on average over the last rounds; no proof"
    cost = "O(n² d)"
    influence = "a layer moves at most by the usual length of an update"
    paper = "this project; after Karimireddy et al. 2021 and Cao et al. 2021"
    promises = frozenset({"scaling", "bounded"})

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        memory = state["memory"].to(updates.device) if state else None

        def rows(block: slice) -> Tensor:
            past = updates.new_zeros(block.stop - block.start) if memory is None else memory[block]
            return torch.cat([updates[:, block], past[None]]).to(torch.float64)

        judged = standing(
            layer_grams(rows, updates, context.layers),
            state.get("recent"),
            trust(state, context.clients),
        )
        agreed = judged.scales * judged.agreed
        moved = _mean(updates, context.layers, judged.shares, judged.votes)
        remembered = _mean(updates, context.layers, agreed, judged.agreed)
        if memory is not None:
            remembered.add_(memory, alpha=self.memory)
        return Aggregate(
            moved,
            {
                "memory": remembered,
                "recent": judged.recent,
                **after(judged, state, context.clients),
            },
            tuple(judged.weights.tolist()),
            judged.reasons(),
        )


def _mean(updates: Tensor, layers: tuple[int, ...], factors: Tensor, weights: Tensor) -> Tensor:
    """Add up rows by factors of shape (layers, n), over all weights; 0 where nothing has weight."""
    total = weights.sum()
    shares = factors / total if total > 0 else torch.zeros_like(factors)
    parts = [
        weighted_sum(updates[:, start:stop], share)
        for (start, stop), share in zip(layer_bounds(layers), shares, strict=True)
    ]
    return torch.cat(parts)
