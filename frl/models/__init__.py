"""Networks whose edges are ranked: plain ``torch.nn`` modules, one file each."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING

from frl.errors import InputError
from frl.models.shape import DataShape
from frl.registry import Registry
from frl.registry.lazy import lazy_names

if TYPE_CHECKING:
    from torch import nn

    from frl.models.initial import (
        initial_scores,
        kaiming_uniform,
        signed_constant,
        sorted_scores,
    )
    from frl.models.seeded import build
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "build": "frl.models.seeded",
            "initial_scores": "frl.models.initial",
            "kaiming_uniform": "frl.models.initial",
            "signed_constant": "frl.models.initial",
            "sorted_scores": "frl.models.initial",
        },
    )

registry: Registry[nn.Module] = Registry("model", __name__)
register = registry.register
list = registry.list
get = registry.get
parameters = registry.parameters


def make(name: str, shape: DataShape) -> nn.Module:
    """Build a model for data of a shape; its weights are torch's and must be set by the caller.

    Parameters
    ----------
    name : str
        Of the registry, or a path ``package.module:Name`` to a module class or a function that
        makes a module; it is told the shape if it has a parameter ``shape``, or the number of
        classes if it has a parameter ``num_classes``, as those of ``torchvision.models`` do.
    shape : DataShape

    Raises
    ------
    InputError
        If there is no such model, it cannot take this shape, or it is no ``torch.nn.Module``.
    """
    from torch import nn

    if ":" in name and _takes_num_classes(registry.get(name)):
        made = registry.get(name)(num_classes=shape.classes)
    else:
        takes = {parameter.name for parameter in registry.parameters(name)}
        made = registry.make(name, **({"shape": shape} if "shape" in takes else {}))
    if not isinstance(made, nn.Module):
        raise InputError(f"model {name!r}: makes a {type(made).__name__}; takes a torch.nn.Module")
    return made


def _takes_num_classes(factory: Callable[..., nn.Module]) -> bool:
    takes = inspect.signature(factory).parameters
    of_torchvision = str(getattr(factory, "__module__", "")).startswith("torchvision.models")
    open_ended = any(p.kind is p.VAR_KEYWORD for p in takes.values())
    others = [
        p for p in takes.values() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    return ("num_classes" in takes and others in ([], [takes["num_classes"]])) or (
        of_torchvision and open_ended and not others
    )


__all__ = [
    "DataShape",
    "build",
    "get",
    "initial_scores",
    "kaiming_uniform",
    "list",
    "make",
    "parameters",
    "register",
    "registry",
    "signed_constant",
    "sorted_scores",
]
