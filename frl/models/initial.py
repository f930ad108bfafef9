"""Weights and scores of round 0, drawn with NumPy from the run's seed, the same on any machine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from frl.randomness import Purpose, generator
from frl.ranking import sortable
from frl.training.parameters import ParameterSpec, Treatment, parameters_of, ranked


def signed_constant(module: nn.Module, seed: int) -> None:
    """Set ranked weights to ``+-sqrt(2 / fan_in)``, signs random ("signed Kaiming constant").

    The other parameters get the values at which they are frozen (:mod:`frl.training.parameters`).

    Parameters
    ----------
    module : nn.Module
        A plain module; changed in place.
    seed : int
        Seed of the run.
    """
    _initialise(module, seed, _signs)


def kaiming_uniform(module: nn.Module, seed: int) -> None:
    """Draw every weight from ``U(-1/sqrt(fan_in), 1/sqrt(fan_in))``, for training by weights.

    The other parameters begin with the values at which they would be frozen.
    """
    _initialise(module, seed, partial(_uniform, purpose=Purpose.WEIGHTS))


def initial_scores(module: nn.Module, seed: int) -> dict[str, NDArray[np.float32]]:
    """Draw the scores of round 0 from ``U(-1/sqrt(fan_in), 1/sqrt(fan_in))``, per layer."""
    return {
        spec.layer: _uniform(spec, seed, index, purpose=Purpose.SCORES)
        for index, spec in enumerate(ranked(module))
    }


@torch.no_grad()
def _initialise(
    module: nn.Module, seed: int, draw: Callable[[ParameterSpec, int, int], NDArray[np.float32]]
) -> None:
    specs = parameters_of(module)
    weights = [spec for spec in specs if spec.treatment is Treatment.RANKED]
    for index, spec in enumerate(weights):
        spec.tensor.copy_(torch.from_numpy(draw(spec, seed, index)).view_as(spec.tensor))
        for slot in spec.slots:
            padding = getattr(slot.layer, "padding_idx", None)
            if padding is not None:
                spec.tensor[padding] = 0.0
    others = (spec for spec in specs if spec.treatment is not Treatment.RANKED)
    for index, spec in enumerate(others, start=len(weights)):
        if spec.treatment in (Treatment.ZERO, Treatment.ONE):
            spec.tensor.fill_(float(spec.treatment is Treatment.ONE))
        elif spec.treatment is Treatment.OWN and (spec.tensor != spec.tensor.flatten()[0]).any():
            values = torch.from_numpy(_signs(spec, seed, index))
            spec.tensor.copy_(values.view_as(spec.tensor))


def _signs(spec: ParameterSpec, seed: int, index: int) -> NDArray[np.float32]:
    rng = generator(seed, Purpose.WEIGHTS, layer=index)
    signs = rng.integers(0, 2, size=spec.tensor.numel(), dtype=np.int8) * 2 - 1
    return signs.astype(np.float32) * np.float32(sqrt(2.0 / spec.fan_in))


def _uniform(
    spec: ParameterSpec, seed: int, index: int, *, purpose: Purpose
) -> NDArray[np.float32]:
    draws = generator(seed, purpose, layer=index).random(spec.tensor.numel(), dtype=np.float32)
    return (draws * np.float32(2.0) - np.float32(1.0)) * np.float32(1.0 / sqrt(spec.fan_in))


def sorted_scores(scores: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Return the scores that ranks stand for: the initial ones of each layer, ascending.

    Equal draws are pushed apart by single units in the last place, so that the values are strictly
    increasing and a ranking and its scores determine each other.
    """
    return {name: _strictly_increasing(np.sort(values)) for name, values in scores.items()}


def _strictly_increasing(ascending: NDArray[np.float32]) -> NDArray[np.float32]:
    steps = np.arange(ascending.size, dtype=np.int64)
    keys = np.maximum.accumulate(sortable(ascending).astype(np.int64) - steps) + steps
    bits = keys.astype(np.int32)
    return (bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))).view(np.float32)
