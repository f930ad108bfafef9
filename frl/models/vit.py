"""A small vision transformer for small images."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from frl.models import register
from frl.models.attention import AttentionBlock
from frl.models.shape import DataShape

_PATCH, _WIDTH, _HEADS, _BLOCKS = 4, 64, 4, 4


@register("vit")
def vit(shape: DataShape) -> nn.Module:
    """Patches of 4x4 pixels, four blocks of attention (width 64), then a linear layer.

    Dosovitskiy et al., ICLR 2021, with the mean of all patches in place of a token of its own. At
    3x32x32 and 10 classes: 138,880 edges.
    """
    return _VisionTransformer(shape)


class _VisionTransformer(nn.Module):
    def __init__(self, shape: DataShape) -> None:
        super().__init__()
        channels, height, width = shape.image("vit", least=_PATCH)
        patches = (height // _PATCH) * (width // _PATCH)
        self.patch = nn.Conv2d(channels, _WIDTH, _PATCH, stride=_PATCH, bias=False)
        self.positions = nn.Parameter(torch.zeros(patches, _WIDTH))
        self.blocks = nn.ModuleList(AttentionBlock(_WIDTH, _HEADS) for _ in range(_BLOCKS))
        self.norm = nn.LayerNorm(_WIDTH, elementwise_affine=False)
        self.head = nn.Linear(_WIDTH, shape.classes, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.patch(images).flatten(2).transpose(1, 2) + self.positions
        for block in self.blocks:
            hidden = block(hidden)
        logits: Tensor = self.head(self.norm(hidden).mean(1))
        return logits
