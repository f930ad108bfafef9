"""A transformer that tells the next character."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from frl.models import register
from frl.models.attention import AttentionBlock
from frl.models.shape import DataShape

_WIDTH, _HEADS, _BLOCKS = 64, 4, 2


@register("char_transformer")
def char_transformer(shape: DataShape) -> nn.Module:
    """Build an embedding, two blocks of causal attention (width 64) and a layer on the last place.

    An example is a row of characters as integers below the number of classes; its label is the
    character that comes next. With 65 characters in rows of 80: 78,976 edges.
    """
    return _CharTransformer(shape)


class _CharTransformer(nn.Module):
    def __init__(self, shape: DataShape) -> None:
        super().__init__()
        length = shape.row("char_transformer", below=shape.classes)
        self.embed = nn.Embedding(shape.classes, _WIDTH)
        self.positions = nn.Parameter(torch.zeros(length, _WIDTH))
        blocks = (AttentionBlock(_WIDTH, _HEADS, causal=True) for _ in range(_BLOCKS))
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(_WIDTH, elementwise_affine=False)
        self.head = nn.Linear(_WIDTH, shape.classes, bias=False)

    def forward(self, characters: Tensor) -> Tensor:
        hidden = self.embed(characters.long()) + self.positions
        for block in self.blocks:
            hidden = block(hidden)
        logits: Tensor = self.head(self.norm(hidden[:, -1]))
        return logits
