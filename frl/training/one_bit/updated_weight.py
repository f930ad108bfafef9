"""A weight that moves by masked random noise, and how an update trains behind it.

In step ``t`` of ``T`` every edge of the forward pass is, with probability ``t / T``, the noise or
nothing, drawn by ``P(noise) = clip(u / n, 0, 1)`` (stochastic masking), and otherwise the clipped
update ``n clip(u / n, 0, 1)`` itself (progressive masking); the backward pass takes the gradient of
the weight for that of the update ``u`` (Li et al., "Masked Random Noise for Communication-Efficient
Federated Learning", MM 2024).
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn


class _Masked(torch.autograd.Function):
    """Masked noise or clipped update forward, the gradient as it is backward."""

    @staticmethod
    def forward(ctx: Any, update: Tensor, noise: Tensor, progress: float) -> Tensor:
        share = (update / noise).clamp(0, 1)
        masked = (torch.rand_like(update) < share).to(update.dtype)
        if progress < 1:
            masked = torch.where(torch.rand_like(update) < progress, masked, share)
        return noise * masked

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return grads[0], None, None


class UpdatedWeight(nn.Module):
    """Parametrization from an update to the weight it leads to; in evaluation the global weight.

    Attributes
    ----------
    weight, noise : Tensor
        Of the layer: the global weight, and the client's noise.
    progress : float
        Share of the steps of local training that began, with this one.

    Parameters
    ----------
    weight : Tensor
    layer : str
        Name of the layer in states and messages.
    rows : int
        Of the matrix that its edges form.
    """

    weight: Tensor
    noise: Tensor

    def __init__(self, weight: Tensor, *, layer: str, rows: int) -> None:
        super().__init__()
        self.layer, self.rows, self.progress = layer, rows, 1.0
        self.register_buffer("weight", weight)
        self.register_buffer("noise", torch.ones_like(weight), persistent=False)

    def forward(self, update: Tensor) -> Tensor:
        """Return the weight of a step of training."""
        if not self.training:
            return self.apply_to(update)
        moved = _Masked.apply(update, self.noise, self.progress)  # type: ignore[no-untyped-call]
        return self.weight + cast(Tensor, moved)

    def apply_to(self, update: Tensor) -> Tensor:
        """Return the global weight, outside autograd."""
        return self.weight.clone()

    def clipped(self, update: Tensor) -> Tensor:
        """Return what noise can say of an update: the mean of its draws."""
        return self.noise * (update / self.noise).clamp(0, 1)
