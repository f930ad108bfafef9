"""The rules that Flower has too, against the functions behind its strategies."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from flwr.app import ArrayRecord, RecordDict
from flwr.serverapp.strategy.bulyan import aggregate_n_closest_weights
from flwr.serverapp.strategy.fedtrimmedavg import trim_mean
from flwr.serverapp.strategy.multikrum import select_multikrum

from strategies.rules import make

N, D = 11, 60
SEEDS = range(3)


def stack(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    values = random.standard_normal((N, D)).astype(np.float32)
    values[:2] *= 3
    return values


def ours(name: str, values: np.ndarray, **params: object) -> np.ndarray:
    return make(name, **params)(torch.from_numpy(values)).numpy()


def selected(values: np.ndarray, f: int, count: int) -> np.ndarray:
    contents = [RecordDict({"arrays": ArrayRecord([row])}) for row in values]
    chosen = select_multikrum(contents, f, count)
    return np.stack([content.array_records["arrays"].to_numpy_ndarrays()[0] for content in chosen])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("f", [0, 2, 4])
def test_krum_and_multi_krum(f: int, seed: int) -> None:
    values = stack(seed)
    assert np.array_equal(ours("krum", values, f=f), selected(values, f, 1)[0])
    expected = selected(values, f, 5).mean(axis=0)
    assert np.allclose(ours("multi_krum", values, f=f, select=5), expected, atol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_bulyan_scored_once(seed: int) -> None:
    values, f = stack(seed), 2
    chosen = selected(values, f, N - 2 * f)
    median = [np.median(chosen, axis=0)]
    (expected,) = aggregate_n_closest_weights(median, [[row] for row in chosen], N - 4 * f)
    assert np.allclose(ours("bulyan", values, f=f, repeat=False), expected, atol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("f", [0, 1, 5])
def test_trimmed_mean(f: int, seed: int) -> None:
    values = stack(seed)
    assert np.allclose(
        ours("trimmed_mean", values, f=f), trim_mean(values, f / N + 1e-9), atol=1e-6
    )
