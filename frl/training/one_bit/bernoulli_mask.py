"""A Bernoulli mask: fixed weights, each in or out by a coin of its own probability.

The forward pass of training throws a coin for every edge, ``m ~ Bern(sigmoid(s))``; the backward
pass treats it as its probability (straight-through): ``dL/ds = dL/dw * theta * p * (1 - p)`` (Isik
et al., ICLR 2023, after Zhou et al., NeurIPS 2019).
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from frl.randomness import Purpose, generator


class _Sampled(torch.autograd.Function):
    """``theta * m`` forward, ``grad * theta * p * (1 - p)`` backward."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, theta: Tensor) -> Tensor:
        p = torch.sigmoid(scores)
        ctx.save_for_backward(p, theta)
        return theta * (torch.rand_like(p) < p)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        p, theta = ctx.saved_tensors
        return grads[0] * theta * p * (1 - p), None


class BernoulliMask(nn.Module):
    """Parametrization from scores, the logits of probabilities, to sampled weights.

    In training every use of the weight is a new sample, of torch's generator. In evaluation, one
    sample stands for the model, as in the authors' code: its coins follow from the seed alone.

    Parameters
    ----------
    theta : Tensor
        Fixed weights of the layer.
    seed, index : int
        Of the run, and the number of the layer.
    layer : str
        Name of the layer in states and messages.
    rows : int
        Of the matrix that its edges form.
    """

    theta: Tensor

    def __init__(self, theta: Tensor, *, seed: int, index: int, layer: str, rows: int) -> None:
        super().__init__()
        self.layer, self.rows = layer, rows
        self._seed, self._index = seed, index
        self._coins: Tensor | None = None
        self.register_buffer("theta", theta)

    def forward(self, scores: Tensor) -> Tensor:
        """Return ``theta`` where the coin of an edge says so and 0 elsewhere."""
        if not self.training:
            return self.apply_to(scores.detach())
        return cast(Tensor, _Sampled.apply(scores, self.theta))  # type: ignore[no-untyped-call]

    def apply_to(self, scores: Tensor) -> Tensor:
        """Return the weights of the sample that stands for the model, outside autograd."""
        return self.theta * (self._thrown().view_as(scores) < torch.sigmoid(scores))

    def _thrown(self) -> Tensor:
        if self._coins is None:
            rng = generator(self._seed, Purpose.EVALUATION, layer=self._index)
            drawn = torch.from_numpy(rng.random(self.theta.numel(), dtype="float32"))
            self._coins = drawn.to(self.theta.device)
        return self._coins
