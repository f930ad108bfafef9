"""Residual networks for small images, with batch norm by the statistics of the batch."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from frl.models.shape import DataShape


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al., CVPR 2016)."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.norm1 = batch_norm(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = batch_norm(out)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != out:
            self.shortcut = nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return images of ``out`` channels."""
        hidden = self.norm1(self.conv1(inputs)).relu()
        outputs: Tensor = (self.norm2(self.conv2(hidden)) + self.shortcut(inputs)).relu()
        return outputs


def residual_network(name: str, shape: DataShape, widths: tuple[int, ...], depth: int) -> nn.Module:
    """Build a convolution, stages of blocks that halve the image from the second on, and a head.

    Parameters
    ----------
    name : str
        Of the model, for what it refuses.
    shape : DataShape
    widths : tuple of int
        Channels of each stage.
    depth : int
        Blocks of a stage.
    """
    channels, _, _ = shape.image(name, least=2 ** (len(widths) - 1))
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["conv"] = nn.Conv2d(channels, widths[0], 3, padding=1, bias=False)
    layers["norm"] = batch_norm(widths[0])
    layers["relu"] = nn.ReLU()
    channels = widths[0]
    for stage, out in enumerate(widths):
        for block in range(depth):
            stride = 2 if stage and not block else 1
            layers[f"block{stage * depth + block + 1}"] = Block(channels, out, stride)
            channels = out
    layers["pool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(channels, shape.classes, bias=False)
    return nn.Sequential(layers)


def batch_norm(channels: int) -> nn.Module:
    """Build a batch norm without learned factors and without running statistics."""
    return nn.BatchNorm2d(channels, affine=False, track_running_stats=False)
