"""A small convolution network for small images, such as 8x8 digits."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from frl.models import register
from frl.models.shape import DataShape


@register("conv2")
def conv2(shape: DataShape) -> nn.Module:
    """Two 3x3 convolutions (32, 64), one pooling, two linear layers (128, classes).

    At 1x8x8 and 10 classes: 151,072 edges.
    """
    channels, height, width = shape.image("conv2", least=2)
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(channels, 32, 3, padding=1, bias=False),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(32, 64, 3, padding=1, bias=False),
            relu2=nn.ReLU(),
            pool=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            fc1=nn.Linear(64 * (height // 2) * (width // 2), 128, bias=False),
            relu3=nn.ReLU(),
            fc2=nn.Linear(128, shape.classes, bias=False),
        )
    )
