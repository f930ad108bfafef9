"""A small convolution network for small images, such as 8x8 digits."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from frl.models import register
from frl.models.shape import DataShape


@register("conv2")
def conv2(shape: DataShape) -> nn.Module:
    """Two blocks of 3x3 convolution (32, 64) and pooling, two linear layers (128, classes).

    At 1x8x8 and 10 classes: 52,768 edges.
    """
    channels, height, width = shape.image("conv2", least=4)
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(channels, 32, 3, padding=1, bias=False),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(32, 64, 3, padding=1, bias=False),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            fc1=nn.Linear(64 * (height // 4) * (width // 4), 128, bias=False),
            relu3=nn.ReLU(),
            fc2=nn.Linear(128, shape.classes, bias=False),
        )
    )
