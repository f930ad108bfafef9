"""Relocated orthogonal perturbation, by its angles and distances."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import attacks
from attacks.base import Update
from frl.errors import InputError
from tests.attacks import builders


def flat(update: Update) -> np.ndarray:
    return np.concatenate([layer.reshape(-1) for layer in update.values()]).astype(np.float64)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("angle", [0.0, 90.0, 120.0, 180.0])
@pytest.mark.parametrize("mix", [0.0, 0.7])
def test_it_lies_at_its_angle_and_distance_from_the_last_step(angle: float, mix: float) -> None:
    attack = attacks.make("rop", angle=angle, mix=mix, length=1.5)
    before, now = builders.differences(2, seed=30)
    view = builders.weight_view(previous=before)

    begun = attack.craft(view, 2, builders.rng())
    later = attack.craft(
        dataclasses.replace(view, previous=now, state=begun.state), 2, builders.rng()
    )

    rows = np.stack([flat(u) for u in view.own])
    step = flat(now) - flat(before)
    for sent, around in ((begun, 0 * step), (later, step)):
        push = flat(sent.updates[1]) - around
        honest = mix * around + (1 - mix) * rows.mean(0)
        assert cosine(push, honest) == pytest.approx(np.cos(np.radians(angle)), abs=1e-4)
        distance = np.median(np.linalg.norm(rows - around, axis=1))
        assert np.linalg.norm(push) == pytest.approx(1.5 * distance, rel=1e-4)


def test_what_is_orthogonal_adds_up_over_rounds() -> None:
    attack, own = attacks.make("rop", mix=0.0), builders.differences(3, seed=1)
    views = [builders.weight_view(previous=p, own=own) for p in builders.differences(2, seed=30)]

    first, second = (flat(attack.craft(v, 1, builders.rng()).updates[0]) for v in views)

    np.testing.assert_allclose(first, second)


@pytest.mark.parametrize("params", [{"angle": 181.0}, {"length": -1.0}, {"mix": 1.1}])
def test_parameters_out_of_range_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="rop"):
        attacks.make("rop", **params)
