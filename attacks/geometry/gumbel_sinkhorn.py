"""Permutations found by gradient descent on relaxed permutation matrices."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from frl.ranking import Positions

ITERATIONS = 20


def sinkhorn(logits: Tensor, iterations: int = ITERATIONS) -> Tensor:
    """Scale ``exp(logits)`` towards doubly stochastic matrices, in the log domain.

    Parameters
    ----------
    logits : Tensor
        Shape (..., t, t).
    iterations : int
        Of normalising rows and then columns.
    """
    for _ in range(iterations):
        logits = logits - torch.logsumexp(logits, dim=-1, keepdim=True)
        logits = logits - torch.logsumexp(logits, dim=-2, keepdim=True)
    return logits.exp()


def farthest_permutations(
    target: NDArray[np.int64],
    ranks: NDArray[np.int32],
    steps: int,
    lr: float,
    temperature: float,
    rng: np.random.Generator,
) -> list[Positions]:
    """Permute each row of ranks so that their sum is far from a target.

    Adam on the logits of one matrix per row, with Gumbel noise and Sinkhorn normalisation; the
    loss is ``-|| target - sum_j ranks_j P_j ||_2``. Linear assignment on the last matrices makes
    exact permutations of them. O(steps * m * t^2) time and O(m * t^2) memory, times the number of
    Sinkhorn iterations.

    Parameters
    ----------
    target : array of shape (t,)
    ranks : int32 array of shape (m, t)
    steps : int
    lr, temperature : float
    rng : numpy Generator

    Returns
    -------
    list of m int32 arrays of shape (t,)

    References
    ----------
    Mena et al., "Learning Latent Permutations with Gumbel-Sinkhorn Networks", ICLR 2018.
    """
    m, t = ranks.shape
    unit = max(1, t)
    goal = torch.from_numpy((target / unit).astype(np.float32))
    rows = torch.from_numpy((ranks / unit).astype(np.float32))
    logits = torch.from_numpy(rng.random((m, t, t), dtype=np.float32)).requires_grad_()
    optimiser = torch.optim.Adam([logits], lr=lr)
    for _ in range(steps):
        noise = torch.from_numpy(rng.gumbel(size=(m, t, t)).astype(np.float32))
        soft = sinkhorn((logits + noise) / temperature)
        loss = -torch.linalg.vector_norm(goal - torch.einsum("mt,mtu->u", rows, soft))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    moved = []
    for matrix, row in zip(logits.detach().numpy(), ranks, strict=True):
        source, place = linear_sum_assignment(matrix, maximize=True)
        permuted = np.empty_like(row)
        permuted[place] = row[source]
        moved.append(permuted)
    return moved
