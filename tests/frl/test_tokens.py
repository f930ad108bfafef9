"""Inputs that are integers: tokens reach a network as they are, features as float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import frl
import strategies
from frl.app.shards import read_shards
from tests.own import Net, digits

CLIENTS, WORDS, LENGTH = 6, 30, 8


class Bag(nn.Module):
    """Mean of the vectors of a text's tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, 24)
        self.out = nn.Linear(24, 3, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.out(torch.relu(self.words(tokens).mean(1)))
        return logits


def texts(number: int, seed: int, dtype: Any = np.int64) -> tuple[np.ndarray, np.ndarray]:
    """Texts of class ``c`` use the ten words from ``10 c`` on, and some others."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, number)
    tokens = 10 * labels[:, None] + rng.integers(0, 10, (number, LENGTH))
    other = rng.random(tokens.shape) < 0.3
    return np.where(other, rng.integers(0, WORDS, tokens.shape), tokens).astype(dtype), labels


def train(model: Any, shards: Any, test: Any, rounds: int = 3) -> tuple[float, str]:
    app = frl.client_app(model, shards)
    server = strategies.FRL(clients=CLIENTS, clients_per_round=CLIENTS, seed=0)
    with frl.InProcessGrid(app, CLIENTS) as grid:
        result = server.start(
            grid,
            server.initial(model),
            num_rounds=rounds,
            evaluate_fn=frl.evaluate_on(model, test),
        )
    assert result.evaluate_metrics_serverapp is not None
    accuracy = result.evaluate_metrics_serverapp[rounds]["accuracy"]
    assert isinstance(accuracy, float)
    return accuracy, frl.digest({n: a.numpy() for n, a in result.arrays.items()})


def test_a_network_of_tokens_learns_whatever_type_they_have() -> None:
    found = {
        dtype: train(Bag, [texts(60, c, dtype) for c in range(CLIENTS)], texts(200, 99, dtype))
        for dtype in (np.int64, np.int32, np.uint8, np.uint64)
    }

    assert len({digest for _, digest in found.values()}) == 1
    assert found[np.int64][0] > 0.6, "a third is chance"


def test_integer_features_are_floats_for_a_network_of_numbers() -> None:
    inputs, labels = digits()
    whole = np.round(inputs * 16).astype(np.int32)
    parts = [slice(40 * c, 40 * c + 40) for c in range(CLIENTS)]
    test = whole[1500:], labels[1500:]

    as_integers = train(Net, [(whole[p], labels[p]) for p in parts], test, 1)
    as_floats = train(Net, [(whole[p].astype(np.float32), labels[p]) for p in parts], test, 1)

    assert as_integers == as_floats


def test_whole_numbers_and_fractions_go_together_as_float32() -> None:
    labels = np.array([0, 1])
    shards = [(np.array([[1, 2], [3, 4]]), labels), (np.array([[0.5, 2], [3, 4]]), labels)]

    for read in (read_shards(shards), read_shards(lambda client: shards[1 - client], 2)):
        assert {read.of(client).inputs.dtype for client in range(2)} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (np.full((4, LENGTH), WORDS), "does not take examples of shape .*: IndexError: index out"),
        (np.zeros((4, LENGTH)), "does not take examples of shape .*: RuntimeError: Expected"),
    ],
)
def test_what_a_network_of_tokens_does_not_take_is_refused(tokens: Any, message: str) -> None:
    with pytest.raises(frl.InputError, match=message) as refused:
        frl.client_app(Bag, [(tokens, np.array([0, 1, 2, 0]))])

    assert "\n" not in str(refused.value)
