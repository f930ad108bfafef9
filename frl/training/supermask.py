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

from frl.ranking import kept_edges
from frl.training.parameters import Treatment, parameters_of, ranked
from frl.training.selection import TopSelector, top_mask_torch

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
    layer : str
        Name of the layer in states and messages.
    rows : int
        Of the matrix that its edges form.
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
    ) -> None:
        super().__init__()
        self.layer, self.rows = layer, rows
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
    """Rows of the matrix of each parameter that trains, by layer name."""
    masks = supermasks(module)
    if masks:
        return {name: mask.rows for name, mask in masks.items()}
    return {
        spec.layer: spec.rows
        for spec in parameters_of(module)
        if spec.treatment is not Treatment.KEPT
    }


def attach(
    module: nn.Module, scores: Mapping[str, NDArray[np.float32]], keep: float, mask_by: MaskBy
) -> None:
    """Turn a module's weights into fixed ``theta`` and train scores in their place.

    Parameters
    ----------
    module : nn.Module
        A plain module whose ranked weights become ``theta``; changed in place. Its other parameters
        train no longer.
    scores : mapping of layer name to float32 array of n values
    keep : float
    mask_by : {"score", "abs"}

    Raises
    ------
    InputError
        If it has nothing to rank, or a parameter that can be neither ranked nor frozen.
    """
    chosen = ranked(module)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    for spec in chosen:
        theta = spec.tensor.detach().clone()
        mask = Supermask(theta, keep, mask_by, layer=spec.layer, rows=spec.rows)
        begin = np.array(scores[spec.layer], dtype=np.float32)
        trained = nn.Parameter(torch.from_numpy(begin).to(theta.device).view_as(theta))
        for slot in spec.slots:
            setattr(slot.layer, slot.attribute, trained)
            parametrize.register_parametrization(slot.layer, slot.attribute, mask)
            if isinstance(slot.layer, nn.RNNBase):
                _read_weights_once(slot.layer)


def detach(module: nn.Module) -> None:
    """Take the supermasks off; a plain module with the masked weights is left."""
    places = list(_places(module))
    values = [mask.apply_to(scores.detach()) for *_, scores, mask in places]
    for (layer, attribute, scores, _), value in zip(places, values, strict=True):
        _take_class_of_its_own(layer)
        parametrize.remove_parametrizations(layer, attribute, leave_parametrized=False)
        with torch.no_grad():
            scores.copy_(value)
        if isinstance(layer, nn.RNNBase) and not parametrize.is_parametrized(layer):
            layer._init_flat_weights()


def supermasks(module: nn.Module) -> dict[str, Supermask]:
    """Return the supermasks of a module, by layer name."""
    return {mask.layer: mask for *_, mask in _places(module)}


def score_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """Return the trained scores of a module with supermasks, by layer name."""
    return {mask.layer: scores for *_, scores, mask in _places(module)}


def _places(module: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Parameter, Supermask]]:
    """Yield layer, attribute, scores and supermask of every masked attribute."""
    for layer in list(module.modules()):
        if parametrize.is_parametrized(layer):
            for attribute, masks in list(cast(nn.ModuleDict, layer.parametrizations).items()):
                held = cast(nn.ModuleList, masks)
                yield layer, attribute, cast(nn.Parameter, held.original), cast(Supermask, held[0])


def _take_class_of_its_own(layer: nn.Module) -> None:
    """Keep apart the class of a layer and that of its copies, from which torch would delete."""
    shared = type(layer)
    layer.__class__ = type(shared.__name__, shared.__bases__, dict(vars(shared)))


def _read_weights_once(layer: nn.RNNBase) -> None:
    """Let a recurrent layer compute each masked weight once in a forward pass, and keep none.

    torch holds a list of weights beside the attributes, and reads them several times to see
    whether it has changed.
    """
    masked: Any = type(layer)  # of this layer alone: torch makes one for each parametrized module
    plain_forward = masked.__bases__[0].forward

    def forward(self: Any, *args: Any, **named: Any) -> Any:
        held = self._flat_weights
        self._flat_weights = [getattr(self, name) for name in self._flat_weights_names]
        try:
            return plain_forward(self, *args, **named)
        finally:
            self._flat_weights = held

    masked.forward = forward
    masked._update_flat_weights = lambda self: None
