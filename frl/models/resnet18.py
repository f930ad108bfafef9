"""ResNet-18 for small images: its first convolution is 3x3 and there is no pooling behind it."""

from __future__ import annotations

from torch import nn

from frl.models import register
from frl.models.residual import residual_network
from frl.models.shape import DataShape

_WIDTHS = (64, 128, 256, 512)


@register("resnet18")
def resnet18(shape: DataShape) -> nn.Module:
    """One convolution (64) and eight residual blocks (64, 128, 256, 512), then a linear layer.

    He et al., CVPR 2016, without learned factors of norms. At 3x32x32 and 10 classes: 11,164,352
    edges.
    """
    return residual_network("resnet18", shape, _WIDTHS, depth=2)
