"""Weights and scores of round 0, drawn with NumPy from the run's seed, the same on any machine."""

from __future__ import annotations

from math import sqrt
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from frl.randomness import Purpose, generator
from frl.ranking import sortable
from frl.supermask import edge_layers


def _fan_in(layer: nn.Module) -> int:
    weight = cast(Tensor, layer.weight)
    return weight.numel() // weight.shape[0]


def signed_constant(module: nn.Module, seed: int) -> None:
    """Set every weight to ``+-sqrt(2 / fan_in)`` with a random sign ("signed Kaiming constant").

    Parameters
    ----------
    module : nn.Module
        Changed in place.
    seed : int
        Seed of the run.
    """
    for index, (_, layer) in enumerate(edge_layers(module)):
        weight = cast(Tensor, layer.weight)
        rng = generator(seed, Purpose.WEIGHTS, layer=index)
        signs = rng.integers(0, 2, size=weight.numel(), dtype=np.int8) * 2 - 1
        values = signs.astype(np.float32) * np.float32(sqrt(2.0 / _fan_in(layer)))
        with torch.no_grad():
            weight.copy_(torch.from_numpy(values).view_as(weight))


def kaiming_uniform(module: nn.Module, seed: int) -> None:
    """Draw every weight from ``U(-1/sqrt(fan_in), 1/sqrt(fan_in))``, for training by weights."""
    for index, (_, layer) in enumerate(edge_layers(module)):
        weight = cast(Tensor, layer.weight)
        values = _uniform(seed, Purpose.WEIGHTS, index, weight.numel(), _fan_in(layer))
        with torch.no_grad():
            weight.copy_(torch.from_numpy(values).view_as(weight))


def initial_scores(module: nn.Module, seed: int) -> dict[str, NDArray[np.float32]]:
    """Draw the scores of round 0 from ``U(-1/sqrt(fan_in), 1/sqrt(fan_in))``, per layer."""
    return {
        name: _uniform(
            seed, Purpose.SCORES, index, cast(Tensor, layer.weight).numel(), _fan_in(layer)
        )
        for index, (name, layer) in enumerate(edge_layers(module))
    }


def sorted_scores(scores: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Return the scores that ranks stand for: the initial ones of each layer, ascending.

    Equal draws are pushed apart by single units in the last place, so that the values are strictly
    increasing and a ranking and its scores determine each other.
    """
    return {name: _strictly_increasing(np.sort(values)) for name, values in scores.items()}


def _uniform(seed: int, purpose: Purpose, layer: int, n: int, fan_in: int) -> NDArray[np.float32]:
    draws = generator(seed, purpose, layer=layer).random(n, dtype=np.float32)
    return (draws * np.float32(2.0) - np.float32(1.0)) * np.float32(1.0 / sqrt(fan_in))


def _strictly_increasing(ascending: NDArray[np.float32]) -> NDArray[np.float32]:
    steps = np.arange(ascending.size, dtype=np.int64)
    keys = np.maximum.accumulate(sortable(ascending).astype(np.int64) - steps) + steps
    bits = keys.astype(np.int32)
    return (bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))).view(np.float32)
