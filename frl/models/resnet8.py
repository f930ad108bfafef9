"""A small residual network for small images."""

from __future__ import annotations

from torch import nn

from frl.models import register
from frl.models.residual import residual_network
from frl.models.shape import DataShape

_WIDTHS = (16, 32, 64)


@register("resnet8")
def resnet8(shape: DataShape) -> nn.Module:
    """One convolution (16) and three residual blocks (16, 32, 64), then a linear layer.

    At 3x32x32 and 10 classes: 77,360 edges.
    """
    return residual_network("resnet8", shape, _WIDTHS, depth=1)
