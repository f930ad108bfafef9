"""Small inputs for attacks: rankings, updates, and the views that hold them."""

from __future__ import annotations

from typing import Any

import numpy as np

from attacks.base import CraftView, PoisonView, Setting, TamperView, Update
from frl.ranking import rank

SHAPES = {"conv": 12, "fc": 31}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def setting(**changes: Any) -> Setting:
    scores = {
        name: np.sort(rng(n).uniform(-1, 1, n).astype(np.float32)) for name, n in SHAPES.items()
    }
    known = dict(seed=3, round=2, clients_per_round=10, classes=10, sorted_scores=scores)
    return Setting(**{**known, **changes})


def rankings(count: int, seed: int = 0, noise: float = 1.0, shapes: Any = SHAPES) -> list[Update]:
    """Rankings that agree with each other up to noise."""
    random = rng(seed)
    shared = {name: random.standard_normal(n) for name, n in shapes.items()}
    return [
        {
            name: rank((base + noise * random.standard_normal(base.size)).astype(np.float32))
            for name, base in shared.items()
        }
        for _ in range(count)
    ]


def differences(count: int, seed: int = 0, shift: float = 0.3) -> list[Update]:
    """Weight updates around a common direction."""
    random = rng(seed)
    shapes = {"conv": (4, 1, 3, 3), "fc": (5, 7)}
    return [
        {
            name: (shift + random.standard_normal(shape)).astype(np.float32)
            for name, shape in shapes.items()
        }
        for _ in range(count)
    ]


def borda(updates: Any) -> Update:
    """Sum of ranks; ties by edge id."""
    return {
        name: rank(sum(u[name].astype(np.int64) for u in updates).astype(np.float32))
        for name in updates[0]
    }


def mean_rule(updates: Any) -> Update:
    return {name: np.mean([u[name] for u in updates], axis=0) for name in updates[0]}


def rank_view(**changes: Any) -> CraftView:
    known: dict[str, Any] = dict(
        setting=setting(),
        previous=rankings(1, seed=9)[0],
        own=rankings(3, seed=1),
        benign=rankings(7, seed=2),
        sampled=10,
        rule=borda,
        accuracy=lambda state: 0.8,
    )
    return CraftView(**{**known, **changes})


def weight_view(**changes: Any) -> CraftView:
    known: dict[str, Any] = dict(
        setting=setting(),
        previous=differences(1, seed=9)[0],
        own=differences(3, seed=1),
        benign=differences(7, seed=2),
        sampled=10,
        rule=mean_rule,
    )
    return CraftView(**{**known, **changes})


def tamper_view(previous: Update) -> TamperView:
    return TamperView(setting(), client=5, previous=previous)


def poison_view(client: int = 5, **changes: Any) -> PoisonView:
    return PoisonView(setting(**changes), client)
