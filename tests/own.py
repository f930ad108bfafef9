"""An own network and own data, as a user of the library has them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from sklearn.datasets import load_digits

CLIENTS = 12


class Net(torch.nn.Module):
    """Two linear layers on the 64 pixels of a digit."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = torch.nn.Linear(64, 60, bias=False)
        self.out = torch.nn.Linear(60, 10, bias=False)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.out(torch.relu(self.hidden(inputs)))
        return logits


def digits() -> tuple[np.ndarray, np.ndarray]:
    inputs, labels = load_digits(return_X_y=True)
    return (inputs / 16 - 0.3).astype(np.float32), labels


def pairs(clients: int = CLIENTS, examples: int = 40) -> list[tuple[np.ndarray, np.ndarray]]:
    """Shards as pairs of arrays."""
    inputs, labels = digits()
    ends = [examples * number for number in range(clients + 1)]
    return [(inputs[a:b], labels[a:b]) for a, b in pairwise(ends)]


def held_out() -> tuple[np.ndarray, np.ndarray]:
    """Test examples."""
    inputs, labels = digits()
    return inputs[1400:], labels[1400:]
