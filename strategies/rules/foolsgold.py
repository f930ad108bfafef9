"""FoolsGold: clients that keep pushing in the same direction lose their weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from frl.randomness import Purpose, generator
from frl.registry.ranges import PositiveCount
from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.stack.combine import weighted_sum
from strategies.stack.gram import cosines

_COLUMNS = 16_384


@register("foolsgold")
@dataclass(frozen=True)
class FoolsGold(Rule):
    """Weigh clients by how unlike all others their past updates are (Fung et al., RAID 2020).

    With ``h_i`` the sum of all updates of client i so far: ``s_ik = cos(h_i, h_k)``, damped by
    ``m_i/m_k`` where ``m_k = max_l s_kl`` exceeds ``m_i``; ``α_i = 1 - max_k s_ik``, scaled to a
    largest of 1, then ``α_i ← clip(log(α_i/(1-α_i)) + 1/2, 0, 1)``. The result is the mean of the
    updates under ``α`` (0 if no client has any weight). It is made for sybils: a lone attacker is
    not hindered at all.

    Histories are kept as sketches: each coordinate gets a random sign and every ``width``-th is
    added up, which preserves inner products up to ``1/sqrt(width)``. A run with any number of
    coordinates then remembers ``width`` numbers a client; d <= width is exact.

    Parameters
    ----------
    width : int
        Numbers remembered a client.
    """

    width: PositiveCount = 4096

    space = "weights"
    formula = "Σ w_i x_i / Σ w_i, w_i falling with the largest cosine of i's history to another's"
    breakdown = "any number of sybils; no defence against one attacker"
    cost = "O(n d)"
    influence = "unbounded: its share of whatever it sends"
    paper = "Fung et al. 2020, arXiv:1808.04866"
    promises = frozenset({"scaling"})

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        fresh = sketch(updates, self.width, context.seed)
        past = (
            dict(zip(state["clients"].tolist(), state["histories"], strict=True)) if state else {}
        )
        known = {client: history.cpu() for client, history in past.items()}
        for client, row in zip(context.clients, fresh, strict=True):
            known[client] = known[client] + row if client in known else row
        histories = torch.stack([known[client] for client in context.clients])
        weights = trust(cosines(histories @ histories.T))
        total = weights.sum()
        vector = weighted_sum(updates, weights / total if total > 0 else weights)
        seen = sorted(known)
        kept = torch.stack([known[client] for client in seen])
        memory = {"clients": torch.tensor(seen), "histories": kept}
        return Aggregate(vector, memory).weighing(weights, "alike")


def trust(similarity: Tensor) -> Tensor:
    """Turn cosines between histories, shape (n, n), into weights in [0, 1], shape (n,)."""
    others = similarity.clone().fill_diagonal_(-torch.inf)
    if len(others) == 1:
        return torch.ones(1, dtype=similarity.dtype)
    closest = others.max(dim=1).values.clamp(min=0)
    pardon = (closest[:, None] / closest[None, :]).where(
        closest[None, :] > closest[:, None], torch.ones_like(others)
    )
    weights = (1 - (others * pardon).fill_diagonal_(-torch.inf).max(dim=1).values).clamp(0, 1)
    if weights.max() == 0:
        return weights
    weights = (weights / weights.max()).clamp(max=0.99)
    return (torch.log(weights / (1 - weights)) + 0.5).clamp(0, 1)


def sketch(stack: Tensor, width: int, seed: int) -> Tensor:
    """Compress rows so that inner products survive: shape (n, d) to (n, width), float64, on CPU."""
    n, d = stack.shape
    signs = generator(seed, Purpose.RULE).integers(0, 2, size=d, dtype=np.int8) * 2 - 1
    out = torch.zeros(n, width, dtype=torch.float64, device=stack.device)
    step = width * -(-_COLUMNS // width)
    for start in range(0, d, step):
        block = slice(start, min(start + step, d))
        flipped = stack[:, block] * torch.from_numpy(signs[block]).to(stack.device)
        whole = flipped.shape[1] // width * width
        out += flipped[:, :whole].reshape(n, -1, width).sum(dim=1)
        out[:, : flipped.shape[1] - whole] += flipped[:, whole:]
    return out.cpu()
