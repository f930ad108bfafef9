"""Policy of parameters: which a ranking expresses, which stay fixed, which are refused.

========================================================  =======================================
parameter                                                 by ranks
========================================================  =======================================
weights of linear, bilinear, convolution, transposed
convolution, embedding, recurrent and attention layers    ranked
biases                                                    frozen at zero
affine factors and offsets of norms                       frozen at one and zero
of the user's own modules, two axes or more               ranked
of the user's own modules, one axis                       frozen: a constant as it was built (a
                                                          scale), others at signs from the seed
``requires_grad=False``                                   kept as it was built
========================================================  =======================================

By weights all of them train, but for those with ``requires_grad=False``. Axes of size one do not
count. A tensor under several names (tied weights) is one parameter, called by the first.
"""

from __future__ import annotations

from enum import StrEnum
from math import prod
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize

from frl.errors import InputError

_NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)
_EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)
_ONE_WEIGHT = (nn.Linear, nn.Bilinear, _ConvNd, *_EMBEDDINGS)
_MANY_WEIGHTS = (nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention)


class Treatment(StrEnum):
    """What is done with a parameter where rankings are trained."""

    RANKED = "ranked"
    ZERO = "frozen at zero"
    ONE = "frozen at one"
    OWN = "frozen"
    KEPT = "kept as built"


class Slot(NamedTuple):
    """A place that holds a parameter: an attribute of a layer."""

    path: str
    layer: nn.Module
    attribute: str

    @property
    def name(self) -> str:
        """Name as in a state dict."""
        return f"{self.path}.{self.attribute}" if self.path else self.attribute


class ParameterSpec(NamedTuple):
    """One parameter of a plain module.

    Attributes
    ----------
    layer : str
        Its name in states and messages: of the layer for a ``weight``, else its own.
    tensor : nn.Parameter
    slots : tuple of Slot
        Where it is; more than one where weights are tied.
    treatment : Treatment
    """

    layer: str
    tensor: nn.Parameter
    slots: tuple[Slot, ...]
    treatment: Treatment

    @property
    def kind(self) -> str:
        """Class of the layer that holds it."""
        return type(self.slots[0].layer).__name__

    @property
    def rows(self) -> int:
        """Rows of the matrix that its edges form."""
        return self._axes[0]

    @property
    def fan_in(self) -> int:
        """Edges that add up to one output; of an embedding the values of one entry."""
        owner, shape = self.slots[0].layer, self.tensor.shape
        if isinstance(owner, _ConvTransposeNd):
            inputs = shape[0] // owner.groups * prod(owner.kernel_size)
            return max(1, inputs // prod(owner.stride))
        return prod(self._axes[1:] or self._axes)

    @property
    def _axes(self) -> tuple[int, ...]:
        shape = tuple(self.tensor.shape)
        known = isinstance(self.slots[0].layer, (*_ONE_WEIGHT, *_MANY_WEIGHTS))
        return shape if known else _axes(shape)


def parameters_of(module: nn.Module) -> list[ParameterSpec]:
    """List the parameters of a plain module, in the order of its layers.

    Raises
    ------
    InputError
        If one can be neither ranked nor frozen; the line names it.
    """
    found: dict[int, tuple[nn.Parameter, list[Slot]]] = {}
    for path, layer in module.named_modules():
        _check_layer(path, layer)
        for attribute, parameter in layer._parameters.items():
            if parameter is not None:
                slot = Slot(path, layer, attribute)
                found.setdefault(id(parameter), (parameter, []))[1].append(slot)
    return [_specify(parameter, tuple(slots)) for parameter, slots in found.values()]


def ranked(module: nn.Module) -> list[ParameterSpec]:
    """List the parameters of a plain module whose edges are ranked.

    Raises
    ------
    InputError
        If there is none.
    """
    chosen = [spec for spec in parameters_of(module) if spec.treatment is Treatment.RANKED]
    if not chosen:
        raise InputError(f"module {type(module).__name__} has no weights that can be ranked")
    return chosen


def _specify(tensor: nn.Parameter, slots: tuple[Slot, ...]) -> ParameterSpec:
    first = slots[0]
    if tensor.requires_grad:
        _check_tensor(first.name, tensor)
    treatment = _treatment(first, tensor) if tensor.requires_grad else Treatment.KEPT
    if treatment is Treatment.RANKED:
        for slot in slots:
            _check_embedding(slot)
    layer = first.path if first.path and first.attribute == "weight" else first.name
    return ParameterSpec(layer, tensor, slots, treatment)


def _treatment(slot: Slot, tensor: Tensor) -> Treatment:
    axes = len(_axes(tuple(tensor.shape)))
    if isinstance(slot.layer, _NORMS):
        return Treatment.ONE if slot.attribute == "weight" else Treatment.ZERO
    if "bias" in slot.attribute and axes < 2:
        return Treatment.ZERO
    if isinstance(slot.layer, _ONE_WEIGHT) and slot.attribute == "weight":
        return Treatment.RANKED
    if isinstance(slot.layer, _MANY_WEIGHTS) and "weight" in slot.attribute:
        return Treatment.RANKED
    return Treatment.RANKED if axes > 1 else Treatment.OWN


def _axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1) or (1,)


def _check_layer(path: str, layer: nn.Module) -> None:
    held = [*layer._parameters.items(), *layer._buffers.items()]
    if any(tensor is not None and is_lazy(cast(Any, tensor)) for _, tensor in held):
        raise InputError(
            f"layer {path!r} ({type(layer).__name__}) has no shape yet; pass one batch through "
            "the module first, or hand over a factory to frl.models.build"
        )
    computed = isinstance(layer, _ONE_WEIGHT) and layer._parameters.get("weight") is None
    if computed or parametrize.is_parametrized(layer):
        raise InputError(
            f"layer {path!r} ({type(layer).__name__}) computes its weight (weight_norm, "
            "spectral_norm, a parametrization); takes layers that hold it: remove that first"
        )


def _check_tensor(name: str, tensor: nn.Parameter) -> None:
    if tensor.dtype is not torch.float32:
        raise InputError(f"parameter {name!r}: got {tensor.dtype}; takes torch.float32")
    if not tensor.numel():
        raise InputError(f"parameter {name!r} has no values (shape {tuple(tensor.shape)})")


def _check_embedding(slot: Slot) -> None:
    if isinstance(slot.layer, _EMBEDDINGS):
        if slot.layer.sparse:
            raise InputError(f"layer {slot.path!r} has sparse=True; takes sparse=False")
        if slot.layer.max_norm is not None:
            raise InputError(f"layer {slot.path!r} has a max_norm, which would move fixed weights")
