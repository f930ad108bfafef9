"""A small residual network for small images, with batch norm by the statistics of the batch."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from frl.models import register
from frl.models.shape import DataShape

_WIDTHS = (16, 32, 64)


class _Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al., CVPR 2016)."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.norm1 = _norm(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = _norm(out)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != out:
            self.shortcut = nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = self.norm1(self.conv1(inputs)).relu()
        outputs: Tensor = (self.norm2(self.conv2(hidden)) + self.shortcut(inputs)).relu()
        return outputs


@register("resnet8")
def resnet8(shape: DataShape) -> nn.Module:
    """One convolution (16) and three residual blocks (16, 32, 64), then a linear layer.

    At 3x32x32 and 10 classes: 77,360 edges.
    """
    channels, _, _ = shape.image("resnet8", least=4)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["conv"] = nn.Conv2d(channels, _WIDTHS[0], 3, padding=1, bias=False)
    layers["norm"] = _norm(_WIDTHS[0])
    layers["relu"] = nn.ReLU()
    channels = _WIDTHS[0]
    for number, out in enumerate(_WIDTHS, start=1):
        layers[f"block{number}"] = _Block(channels, out, stride=1 if number == 1 else 2)
        channels = out
    layers["pool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(channels, shape.classes, bias=False)
    return nn.Sequential(layers)


def _norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, affine=False, track_running_stats=False)
