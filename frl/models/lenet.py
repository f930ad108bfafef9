"""LeNet of the paper's MNIST experiments: 1,625,632 edges at 1x28x28 and 10 classes."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from frl.models import register
from frl.models.shape import DataShape


@register("lenet")
def lenet(shape: DataShape) -> nn.Module:
    """Two 3x3 convolutions (32, 64), one pooling, two linear layers (128, classes)."""
    channels, height, width = shape.image("lenet", least=2)
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
