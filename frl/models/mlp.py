"""A multi-layer perceptron for tables."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from frl.models import register
from frl.models.shape import DataShape


@register("mlp")
def mlp(shape: DataShape) -> nn.Module:
    """Three linear layers (256, 256, classes); an image is flattened."""
    return nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),
            fc1=nn.Linear(shape.numbers("mlp"), 256, bias=False),
            relu1=nn.ReLU(),
            fc2=nn.Linear(256, 256, bias=False),
            relu2=nn.ReLU(),
            fc3=nn.Linear(256, shape.classes, bias=False),
        )
    )
