"""A masked weight: fixed values of a layer, and the trained scores that say which edges are in.

Edge-popup (Ramanujan et al., CVPR 2020): the forward pass uses ``theta * mask(scores)``, the
backward pass treats the mask as the identity (straight-through), so every edge gets a gradient,
kept or not: ``dL/ds = dL/dw * theta`` (times ``sign(s)`` where the mask looks at ``|s|``).

With several coats the weight is ``theta * c / N`` where the edge is in ``c`` of ``N`` nested top
sets of one ranking (Okoshi et al., ICML 2022). ``theta`` is then the fixed weight times ``N`` over
the root mean square of ``c`` in the mask: the layer has the scale that it has with one coat, and
``dL/ds`` is, as published, ``N`` times ``dL/dw`` times the weight of a single coat.

Binarised, a weight is ``sign(theta)`` times the mean ``|theta|`` of the layer's edges in the mask
(Diffenderfer and Kailkhura, ICLR 2021); the gradient is the same. Where all ``|theta|`` are equal,
as those drawn from a seed are, so are the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from frl.errors import InputError
from frl.mask import coat_gain, coat_sizes
from frl.training.selection import CoatSelector, TopSelector, top_mask_torch

MaskBy: TypeAlias = Literal["score", "abs"]
MOST_COATS = 255
_BLOCK = 65_536


class _StraightThrough(torch.autograd.Function):
    """``theta * mask`` forward, ``grad * theta`` (times ``sign(s)`` by abs) backward."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, mask: Supermask) -> Tensor:
        ctx.mask = mask
        if mask.mask_by == "abs":
            ctx.save_for_backward(scores)
        return mask.apply_to(scores.detach())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        gradient = grads[0] * ctx.mask.theta
        if ctx.mask.mask_by == "abs":
            (scores,) = ctx.saved_tensors
            gradient.mul_(scores.sign())
        return gradient, None


class Supermask(nn.Module):
    """Parametrization from scores to masked weights.

    Parameters
    ----------
    theta : Tensor
        Fixed weights of the layer.
    keep : float
        Share of edges kept: exactly ``n - int((1 - keep) * n)``.
    mask_by : {"score", "abs"}
        Keep the highest scores (the method as published), or the highest ``|score|`` (what the
        authors' code does).
    layer : str
        Name of the layer in states and messages.
    rows : int
        Of the matrix that its edges form.
    coats : int
        Nested top sets of the ranking, 1 to 255.
    binarised : bool
        Whether all kept weights have one size, for a single coat.

    Attributes
    ----------
    theta : Tensor
        The weights of edges in all coats.
    kept : int
        Edges in the mask.
    """

    theta: Tensor

    def __init__(
        self,
        theta: Tensor,
        keep: float,
        mask_by: MaskBy,
        *,
        layer: str = "",
        rows: int = 1,
        coats: int = 1,
        binarised: bool = False,
    ) -> None:
        super().__init__()
        check_coats(coats, binarised=binarised)
        self.layer, self.rows = layer, rows
        self.mask_by, self.coats = mask_by, coats
        self.sizes = coat_sizes(theta.numel(), keep, coats)
        self.kept = self.sizes[0]
        if coats > 1:
            theta = theta * np.float32(coats / coat_gain(self.sizes)).item()
        self.register_buffer("theta", theta)
        self._binarised = binarised and not _one_size(theta)
        self._share = np.float32(1 / coats)
        self._selector = TopSelector(self.kept)
        self._coat_selector = CoatSelector(self.sizes)
        self._held: dict[bool, Tensor] | None = None

    def forward(self, scores: Tensor) -> Tensor:
        """Return ``theta`` where the edge is kept and 0 elsewhere; same shape as ``scores``."""
        if self._held is None:
            return self._masked(scores)
        with_gradient = torch.is_grad_enabled()
        if with_gradient not in self._held:
            self._held[with_gradient] = self._masked(scores)
        return self._held[with_gradient]

    def _masked(self, scores: Tensor) -> Tensor:
        return cast(Tensor, _StraightThrough.apply(scores, self))  # type: ignore[no-untyped-call]

    def mask(self, scores: Tensor) -> Tensor:
        """Return the bool mask of a tensor of scores; of equal scores the higher edge id is in."""
        if scores.device.type == "cpu":
            return torch.from_numpy(self._selector.mask(self._ordered(scores))).view(scores.shape)
        values = scores.abs() if self.mask_by == "abs" else scores
        return top_mask_torch(values.reshape(-1), self.kept).view(scores.shape)

    def apply_to(self, scores: Tensor) -> Tensor:
        """Return the weights that a tensor of scores stands for, outside autograd."""
        if scores.device.type != "cpu":
            values = (scores.abs() if self.mask_by == "abs" else scores).reshape(-1)
            masks = [top_mask_torch(values, size).view(scores.shape) for size in self.sizes]
            return self.weights(masks)
        if self.coats > 1:
            return self._shared(self._coat_selector.count(self._ordered(scores)))
        kept = self._selector.mask(self._ordered(scores))
        if self._binarised:
            return self.weights([torch.from_numpy(kept).view(scores.shape)])
        masked = torch.empty_like(self.theta)
        # NumPy multiplies float32 by bool several times faster than torch does on a CPU.
        np.multiply(self.theta.view(-1).numpy(), kept, out=masked.view(-1).numpy())
        return masked

    def weights(self, masks: Sequence[Tensor]) -> Tensor:
        """Return the weights of nested masks.

        Parameters
        ----------
        masks : sequence of bool Tensor of shape (..., *shape of the layer)
            The widest first, one for each coat; leading axes are of several clients.
        """
        if self._binarised:
            size = self.theta.abs().double()
            axes = tuple(range(masks[0].dim() - size.dim(), masks[0].dim()))
            mean = (size * masks[0]).sum(axes, keepdim=True) / max(1, self.kept)
            return self.theta.sign() * mean.float() * masks[0]
        if self.coats == 1:
            return self.theta * masks[0]
        counted = masks[0].to(torch.uint8)
        for mask in masks[1:]:
            counted = counted + mask
        return counted.float().mul_(self._share.item()).mul_(self.theta)

    def _shared(self, counted: NDArray[np.uint8]) -> Tensor:
        """Return the weights of coats that were counted on a CPU, in blocks that stay in cache."""
        weights = torch.empty_like(self.theta)
        theta, out = self.theta.view(-1).numpy(), weights.view(-1).numpy()
        for start in range(0, counted.size, _BLOCK):
            block = slice(start, start + _BLOCK)
            np.multiply(counted[block], self._share, out=out[block])
            out[block] *= theta[block]
        return weights

    def _ordered(self, scores: Tensor) -> NDArray[np.float32]:
        """Return flat values whose largest are kept."""
        values: NDArray[np.float32] = scores.contiguous().view(-1).numpy()
        return np.abs(values) if self.mask_by == "abs" else values


@contextmanager
def computed_once(masks: Sequence[Supermask]) -> Iterator[None]:
    """Compute each masked weight once in a ``with`` block in which no score moves.

    A layer may read its weight several times in a forward pass (attention does), and a module may
    use a layer several times. Weights without a gradient are kept apart from those with one.
    """
    for mask in masks:
        mask._held = {}
    try:
        yield
    finally:
        for mask in masks:
            mask._held = None


def check_coats(coats: int, *, binarised: bool) -> None:
    """Refuse a mask that there is none of.

    Raises
    ------
    InputError
        With what was got and what is taken.
    """
    if not 1 <= coats <= MOST_COATS:
        raise InputError(f"coats: got {coats!r}; takes 1 to {MOST_COATS}")
    if binarised and coats > 1:
        raise InputError(f"binarised: got true with coats = {coats}; takes false, or coats = 1")


def _one_size(theta: Tensor) -> bool:
    size = theta.abs()
    return not size.numel() or bool((size == size.flatten()[0]).all())
