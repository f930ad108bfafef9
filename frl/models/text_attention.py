"""A classifier of short texts by embedding and attention."""

from __future__ import annotations

from torch import Tensor, nn

from frl.models import register
from frl.models.attention import AttentionBlock
from frl.models.shape import DataShape

_WORDS, _WIDTH, _HEADS = 4096, 64, 4


@register("text_attention")
def text_attention(shape: DataShape) -> nn.Module:
    """Build an embedding of 4,096 words, a block of attention (width 64), a layer on the mean.

    An example is a row of words as integers, 0 where it has ended; larger ones are taken modulo
    4,095, as those of a hash. With two classes: 295,040 edges.
    """
    return _TextAttention(shape)


class _TextAttention(nn.Module):
    def __init__(self, shape: DataShape) -> None:
        super().__init__()
        shape.row("text_attention")
        self.embed = nn.Embedding(_WORDS, _WIDTH, padding_idx=0)
        self.block = AttentionBlock(_WIDTH, _HEADS)
        self.norm = nn.LayerNorm(_WIDTH, elementwise_affine=False)
        self.head = nn.Linear(_WIDTH, shape.classes, bias=False)

    def forward(self, words: Tensor) -> Tensor:
        words = words.long()
        there = words > 0
        hidden = self.norm(self.block(self.embed((words - 1) % (_WORDS - 1) * there + there)))
        kept = there.to(hidden.dtype).unsqueeze(2)
        logits: Tensor = self.head((hidden * kept).sum(1) / kept.sum(1).clamp(min=1.0))
        return logits
