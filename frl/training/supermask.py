"""Supermasks on a module: scores that train in place of weights that are fixed.

The mask of each weight (:mod:`frl.training.masked_weight`) is attached to a plain module with
:mod:`torch.nn.utils.parametrize`; taken off again, a plain module with the masked weights is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parametrize

from frl.training.masked_weight import MaskBy, Supermask
from frl.training.parameters import ParameterSpec, Treatment, parameters_of, ranked

MakeMask: TypeAlias = Callable[[ParameterSpec, Tensor], nn.Module]
"""Makes the mask of a parameter of its fixed weights, with ``layer``, ``rows`` and ``apply_to``."""


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
    module: nn.Module,
    scores: Mapping[str, NDArray[np.float32]],
    keep: float,
    mask_by: MaskBy,
    *,
    coats: int = 1,
    binarised: bool = False,
) -> None:
    """Turn a module's weights into fixed ``theta`` and train scores in their place.

    Parameters
    ----------
    module : nn.Module
        A plain module whose ranked weights become ``theta``; changed in place. Its other parameters
        train no longer.
    scores : mapping of layer name to float32 array of n values
    keep, mask_by, coats, binarised
        See :class:`frl.training.masked_weight.Supermask`.

    Raises
    ------
    InputError
        If it has nothing to rank, or a parameter that can be neither ranked nor frozen.
    """

    def make(spec: ParameterSpec, theta: Tensor) -> Supermask:
        return Supermask(
            theta,
            keep,
            mask_by,
            layer=spec.layer,
            rows=spec.rows,
            coats=coats,
            binarised=binarised,
        )

    attach_masks(module, scores, make)


def attach_masks(
    module: nn.Module, scores: Mapping[str, NDArray[np.float32]], make: MakeMask
) -> None:
    """Turn a module's weights into fixed ones behind masks of any kind, as :func:`attach` does.

    Parameters
    ----------
    module : nn.Module
    scores : mapping of layer name to float32 array of n values
    make : callable
        Makes the mask of a parameter from it and its fixed weights.
    """
    chosen = ranked(module)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    for spec in chosen:
        theta = spec.tensor.detach().clone()
        mask = make(spec, theta)
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
