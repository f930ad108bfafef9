"""VGG-11 for small images, with batch norm and one linear layer."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from frl.models import register
from frl.models.residual import batch_norm
from frl.models.shape import DataShape

_WIDTHS = ((64,), (128,), (256, 256), (512, 512), (512, 512))


@register("vgg11")
def vgg11(shape: DataShape) -> nn.Module:
    """Eight 3x3 convolutions in five blocks with a pooling each, then a linear layer.

    Simonyan and Zisserman, ICLR 2015, without learned factors of norms. At 3x32x32 and 10 classes:
    9,222,848 edges.
    """
    return vgg("vgg11", shape, _WIDTHS)


def vgg(name: str, shape: DataShape, widths: tuple[tuple[int, ...], ...]) -> nn.Module:
    """Build blocks of convolutions of these widths, a pooling after each, and a linear layer."""
    halved = 2 ** len(widths)
    channels, height, width = shape.image(name, least=halved)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    number = 0
    for block, outs in enumerate(widths, start=1):
        for out in outs:
            number += 1
            layers[f"conv{number}"] = nn.Conv2d(channels, out, 3, padding=1, bias=False)
            layers[f"norm{number}"] = batch_norm(out)
            layers[f"relu{number}"] = nn.ReLU()
            channels = out
        layers[f"pool{block}"] = nn.MaxPool2d(2)
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(
        channels * (height // halved) * (width // halved), shape.classes, bias=False
    )
    return nn.Sequential(layers)
