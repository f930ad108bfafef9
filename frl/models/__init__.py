"""Networks whose edges are ranked: plain ``torch.nn`` modules, one file each."""

from torch import nn

from frl.models.build import build
from frl.models.initial import initial_scores, kaiming_uniform, signed_constant, sorted_scores
from frl.models.shape import DataShape
from frl.registry import Registry

registry: Registry[nn.Module] = Registry("model", __name__)
register = registry.register
list = registry.list
get = registry.get
parameters = registry.parameters


def make(name: str, shape: DataShape) -> nn.Module:
    """Build a model for data of a shape; its weights are torch's and must be set by the caller.

    Raises
    ------
    InputError
        If there is no such model, or it cannot take this shape.
    """
    return registry.make(name, shape=shape)


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
