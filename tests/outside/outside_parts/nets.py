"""Networks of somebody else's."""

from __future__ import annotations

from torch import Tensor, nn

from frl.models import DataShape


def shaped(shape: DataShape) -> nn.Module:
    """Make one linear layer for any data."""
    edges = 1
    for size in shape.example:
        edges *= size
    return nn.Sequential(nn.Flatten(), nn.Linear(edges, shape.classes, bias=False))


class Net(nn.Module):
    """Two layers for the digits; it takes no shape."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(64, 32, bias=False)
        self.last = nn.Linear(32, 10, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.first(images.flatten(1)).relu())


class Weightless(nn.Flatten):
    """A network with nothing to rank."""


def table() -> dict[str, int]:
    """Make something that is no module."""
    return {}


NUMBER = 3
