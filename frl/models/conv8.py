"""Conv8 of the paper's CIFAR-10 experiments: 5,275,840 edges at 3x32x32 and 10 classes."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from frl.models import register
from frl.models.shape import DataShape

_WIDTHS = (64, 128, 256, 512)


@register("conv8")
def conv8(shape: DataShape) -> nn.Module:
    """Four blocks of two 3x3 convolutions and a pooling, then three linear layers."""
    channels, height, width = shape.image("conv8", least=16)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for block, out in enumerate(_WIDTHS, start=1):
        layers[f"conv{2 * block - 1}"] = nn.Conv2d(channels, out, 3, padding=1, bias=False)
        layers[f"relu{2 * block - 1}"] = nn.ReLU()
        layers[f"conv{2 * block}"] = nn.Conv2d(out, out, 3, padding=1, bias=False)
        layers[f"relu{2 * block}"] = nn.ReLU()
        layers[f"pool{block}"] = nn.MaxPool2d(2)
        channels = out
    layers["flatten"] = nn.Flatten()
    layers["fc1"] = nn.Linear(channels * (height // 16) * (width // 16), 256, bias=False)
    layers["relu9"] = nn.ReLU()
    layers["fc2"] = nn.Linear(256, 256, bias=False)
    layers["relu10"] = nn.ReLU()
    layers["fc3"] = nn.Linear(256, shape.classes, bias=False)
    return nn.Sequential(layers)
