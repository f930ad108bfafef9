"""Supermasks: a layer whose weights are fixed and whose trained scores say which edges are in.

Edge-popup (Ramanujan et al., CVPR 2020): the forward pass uses ``theta * mask(scores)``, the
backward pass treats the mask as the identity (straight-through), so every edge gets a gradient,
kept or not: ``dL/ds = dL/dw * theta`` (times ``sign(s)`` where the mask looks at ``|s|``).

The mask is attached to a plain module with :mod:`torch.nn.utils.parametrize`; taken off again, a
plain module with the masked weights is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parametrize

from frl.errors import InputError
from frl.ranking import kept_edges
from frl.selection import TopSelector, top_mask_torch

MaskBy: TypeAlias = Literal["score", "abs"]


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
    """

    theta: Tensor

    def __init__(self, theta: Tensor, keep: float, mask_by: MaskBy) -> None:
        super().__init__()
        self.register_buffer("theta", theta)
        self.mask_by = mask_by
        self.kept = kept_edges(theta.numel(), keep)
        self._selector = TopSelector(self.kept)

    def forward(self, scores: Tensor) -> Tensor:
        """Return ``theta`` where the edge is kept and 0 elsewhere; same shape as ``scores``."""
        return cast(Tensor, _StraightThrough.apply(scores, self))  # type: ignore[no-untyped-call]

    def mask(self, scores: Tensor) -> Tensor:
        """Return the bool mask of a tensor of scores; of equal scores the higher edge id is in."""
        if scores.device.type == "cpu":
            return torch.from_numpy(self._mask_numpy(scores)).view(scores.shape)
        values = scores.abs() if self.mask_by == "abs" else scores
        return top_mask_torch(values.reshape(-1), self.kept).view(scores.shape)

    def apply_to(self, scores: Tensor) -> Tensor:
        """Return ``theta`` masked by ``scores``, outside autograd."""
        if scores.device.type != "cpu":
            return self.theta * self.mask(scores)
        masked = torch.empty_like(self.theta)
        # NumPy multiplies float32 by bool several times faster than torch does on a CPU.
        np.multiply(
            self.theta.view(-1).numpy(), self._mask_numpy(scores), out=masked.view(-1).numpy()
        )
        return masked

    def _mask_numpy(self, scores: Tensor) -> NDArray[np.bool_]:
        values = scores.contiguous().view(-1).numpy()
        return self._selector.mask(np.abs(values) if self.mask_by == "abs" else values)


def output_units(module: nn.Module) -> dict[str, int]:
    """Rows of the weight matrix of each layer that has edges, by name."""
    return {name: int(cast(Tensor, layer.weight).shape[0]) for name, layer in edge_layers(module)}


def edge_layers(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield name and layer of everything that has edges: linear and convolution layers.

    Raises
    ------
    InputError
        If the module has parameters that a ranking cannot express, such as a bias.
    """
    for name, layer in module.named_modules():
        own = dict(layer.named_parameters(recurse=False))
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            if layer.bias is not None:
                raise InputError(f"layer {name!r} has a bias; a ranked model takes bias=False")
            yield name, layer
        elif own and not isinstance(layer, parametrize.ParametrizationList):
            raise InputError(
                f"layer {name!r} ({type(layer).__name__}) has parameters {sorted(own)} that are no "
                "edges; a ranked model takes linear and convolution layers without bias"
            )


def attach(
    module: nn.Module, scores: Mapping[str, NDArray[np.float32]], keep: float, mask_by: MaskBy
) -> None:
    """Turn a module's weights into fixed ``theta`` and train scores in their place.

    Parameters
    ----------
    module : nn.Module
        A plain module whose weights become ``theta``; changed in place.
    scores : mapping of layer name to float32 array of n values
    keep : float
    mask_by : {"score", "abs"}
    """
    for name, layer in list(edge_layers(module)):
        theta = cast(Tensor, layer.weight).detach().clone()
        start = torch.from_numpy(np.array(scores[name], dtype=np.float32)).to(theta.device)
        layer.weight = nn.Parameter(start.view_as(theta))
        parametrize.register_parametrization(layer, "weight", Supermask(theta, keep, mask_by))


def detach(module: nn.Module) -> None:
    """Take the supermasks off; a plain module with the masked weights is left."""
    for _, layer in list(edge_layers(module)):
        if parametrize.is_parametrized(layer, "weight"):
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)


def supermasks(module: nn.Module) -> dict[str, Supermask]:
    """Return the supermasks of a module, by layer name."""
    found: dict[str, Supermask] = {}
    for name, layer in edge_layers(module):
        if parametrize.is_parametrized(layer, "weight"):
            lists = cast(nn.ModuleDict, layer.parametrizations)
            found[name] = cast(Supermask, cast(nn.ModuleList, lists["weight"])[0])
    return found


def score_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """Return the trained scores of a module with supermasks, by layer name."""
    found: dict[str, nn.Parameter] = {}
    for name, layer in edge_layers(module):
        if parametrize.is_parametrized(layer, "weight"):
            lists = cast(nn.ModuleDict, layer.parametrizations)
            found[name] = cast(nn.Parameter, lists["weight"].original)
    return found
