"""A recurrent network that tells the next character."""

from __future__ import annotations

from torch import Tensor, nn

from frl.models import register
from frl.models.shape import DataShape

_WIDTH, _HIDDEN = 32, 128


@register("char_lstm")
def char_lstm(shape: DataShape) -> nn.Module:
    """Build an embedding (32), an LSTM layer (128) and a linear layer on its last output.

    An example is a row of characters as integers below the number of classes; its label is the
    character that comes next. With 65 characters: 92,320 edges.
    """
    return _CharLSTM(shape)


class _CharLSTM(nn.Module):
    def __init__(self, shape: DataShape) -> None:
        super().__init__()
        shape.row("char_lstm", below=shape.classes)
        self.embed = nn.Embedding(shape.classes, _WIDTH)
        self.recur = nn.LSTM(_WIDTH, _HIDDEN, bias=False, batch_first=True)
        self.head = nn.Linear(_HIDDEN, shape.classes, bias=False)

    def forward(self, characters: Tensor) -> Tensor:
        logits: Tensor = self.head(self.recur(self.embed(characters.long()))[0][:, -1])
        return logits
