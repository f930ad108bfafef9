"""Small networks of every kind of layer, and shards that fit them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from frl import models
from frl.models import DataShape
from frl.models.residual import residual_network
from frl.models.vgg11 import vgg
from frl.training.ranks import Shard

CLASSES = 3


class Recurrent(nn.Module):
    """Embedding, a recurrent layer, and a linear one on its last output."""

    def __init__(self, layer: type[nn.RNNBase], **options: object) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 6, padding_idx=0)
        self.recur = layer(6, 5, batch_first=True, **options)
        self.head = nn.Linear(5 * (1 + self.recur.bidirectional), CLASSES)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.recur(self.embed(tokens))[0][:, -1])


class Cells(nn.Module):
    """A cell that is used once for each token."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.EmbeddingBag(11, 6)
        self.cell = nn.GRUCell(6, 5)
        self.head = nn.Linear(5, CLASSES)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = None
        for column in tokens.T:
            hidden = self.cell(self.embed(column.unsqueeze(1)), hidden)
        return self.head(hidden)


class Attention(nn.Module):
    """A transformer layer on embedded tokens, with positions of its own."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.positions = nn.Parameter(torch.zeros(1, 6, 8))
        self.scale = nn.Parameter(torch.full((8,), 0.5))
        self.query = nn.Parameter(torch.randn(8))
        self.block = nn.TransformerEncoderLayer(
            8, 2, dim_feedforward=12, dropout=dropout, batch_first=True
        )
        self.head = nn.Linear(8, CLASSES)

    def forward(self, tokens: Tensor) -> Tensor:
        seen = self.block(self.embed(tokens) * self.scale + self.positions)
        return self.head((seen * (seen @ self.query).softmax(1).unsqueeze(2)).sum(1))


class Keys(nn.Module):
    """Attention whose query, key and value have weights of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(
            8, 2, kdim=4, vdim=4, add_bias_kv=True, batch_first=True
        )
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        given = x.view(-1, 4, 8)
        seen, _ = self.attend(given, given[..., :4], given[..., 4:])
        return self.head(seen.mean(1))


class Tied(nn.Module):
    """An encoder and a decoder that share a weight, and a layer used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Linear(32, 32)
        self.again = nn.Linear(32, 32)
        self.again.weight = self.encode.weight
        self.twice = nn.Linear(32, 32, bias=False)
        self.head = nn.Linear(32, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.again(self.encode(x).relu()).relu()
        return self.head(self.twice(self.twice(hidden).relu()))


class Remembering(nn.Module):
    """Reads buffers and attributes that its own forward pass moves."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(32, 16)
        self.fc2 = nn.Linear(16, CLASSES)
        self.register_buffer("centre", torch.zeros(16))
        self.register_buffer("scale", torch.ones(16))
        self.hidden = torch.zeros(16)
        self.calls = 0
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.fc1(x)
        with torch.no_grad():
            self.centre.mul_(0.9).add_(hidden.mean(0))
            self.scale = self.scale * 0.9 + 0.1 * hidden.abs().mean(0)
            self.hidden = self.hidden + hidden.mean(0)
            self.seen.append(hidden.mean(0))
            self.calls += 1
            self.new = self.calls
        moved = hidden - self.centre + self.hidden + len(self.seen)
        return self.fc2((moved * self.scale * self.calls * self.new).tanh())


class Counting(nn.Module):
    """Slows down with each call."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(32, 16)
        self.fc2 = nn.Linear(16, CLASSES)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.fc2(self.fc1(x).relu() / self.calls)


class Random(nn.Module):
    """Draws from torch's generator in its forward pass, in evaluation too."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(32, 16)
        self.fc2 = nn.Linear(16, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(functional.dropout(self.fc1(x).relu(), 0.4) + torch.rand(16))


def images(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (2, 4, 4)), *layers, nn.Flatten(), nn.LazyLinear(CLASSES))


ROWS, TOKENS, IMAGES, CHARACTERS = "rows", "tokens", "images", "characters"
ZOO: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "bias": (lambda: nn.Sequential(nn.Linear(32, 9), nn.ReLU(), nn.Linear(9, CLASSES)), ROWS),
    "batch_norm": (lambda: images(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU()), ROWS),
    "batch_norm_1d": (
        lambda: nn.Sequential(nn.Linear(32, 9), nn.BatchNorm1d(9), nn.Linear(9, CLASSES)),
        ROWS,
    ),
    "instance_norm": (
        lambda: images(
            nn.Conv2d(2, 4, 3, padding=1),
            nn.InstanceNorm2d(4, affine=True, track_running_stats=True),
        ),
        ROWS,
    ),
    "group_norm": (lambda: images(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.PReLU()), ROWS),
    "dropout": (lambda: images(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Dropout(0.3)), ROWS),
    "transposed": (
        lambda: images(nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1), nn.LeakyReLU()),
        ROWS,
    ),
    "tied": (Tied, ROWS),
    "remembering": (Remembering, ROWS),
    "counting": (Counting, ROWS),
    "random": (Random, ROWS),
    "keys": (Keys, ROWS),
    "rnn": (lambda: Recurrent(nn.RNN), TOKENS),
    "lstm": (lambda: Recurrent(nn.LSTM, bidirectional=True, proj_size=0), TOKENS),
    "gru": (lambda: Recurrent(nn.GRU, num_layers=2, dropout=0.2), TOKENS),
    "cells": (Cells, TOKENS),
    "attention": (Attention, TOKENS),
    "attention_dropout": (lambda: Attention(0.2), TOKENS),
}
EXAMPLES = {ROWS: (32,), TOKENS: (6,), IMAGES: (2, 8, 8), CHARACTERS: (6,)}
_PICTURES = DataShape(EXAMPLES[IMAGES], CLASSES)
ZOO |= {
    "resnet8": (lambda: models.get("resnet8")(_PICTURES), IMAGES),
    "resnet18": (lambda: residual_network("", _PICTURES, (4, 5, 6, 7), depth=2), IMAGES),
    "vgg11": (lambda: vgg("", _PICTURES, ((4,), (6,), (8, 8))), IMAGES),
    "vit": (lambda: models.get("vit")(_PICTURES), IMAGES),
    "mlp": (lambda: models.get("mlp")(DataShape((32,), CLASSES)), ROWS),
    "char_lstm": (lambda: models.get("char_lstm")(DataShape((6,), CLASSES)), CHARACTERS),
    "char_transformer": (
        lambda: models.get("char_transformer")(DataShape((6,), CLASSES)),
        CHARACTERS,
    ),
    "text_attention": (lambda: models.get("text_attention")(DataShape((6,), CLASSES)), TOKENS),
}
"""The models of this project, those of many edges with fewer."""


def shard_for(name: str, count: int, seed: int = 0) -> Shard:
    drawn = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, CLASSES, (count,), generator=drawn)
    kind = ZOO[name][1]
    if kind in (TOKENS, CHARACTERS):
        words = CLASSES if kind == CHARACTERS else 11
        return Shard(torch.randint(0, words, (count, 6), generator=drawn), labels)
    return Shard(torch.randn(count, *EXAMPLES[kind], generator=drawn), labels)
