"""Attacks on weights carried over to rankings, against their definitions in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import attacks
from attacks.alie import alie_z
from attacks.base import Update
from frl.errors import InputError
from tests.attacks import builders

VIEW = builders.rank_view(own=builders.rankings(4, seed=1), sampled=25)


def rows_of(votes: Any, previous: Update) -> np.ndarray:
    """Changes as in the module's definition, layers one after another."""
    flat = []
    for vote in votes:
        parts = []
        for name, q in previous.items():
            n = q.size
            factor = np.sqrt(3 / (n * (n**2 - 1)) / len(previous))
            parts.append((vote[name].astype(np.float64) - q) * factor)
        flat.append(np.concatenate(parts))
    return np.stack(flat)


def sent_by(name: str, view: Any = VIEW, count: int = 3, **params: Any) -> list[Update]:
    return list(attacks.make(name, **params).craft(view, count, builders.rng(1)).updates)


def assert_ranks(sent: Update, change: np.ndarray, previous: Update) -> None:
    """That a ranking is in the order of ``q + change``, but for values as good as equal."""
    at = 0
    for name, q in previous.items():
        n = q.size
        factor = np.sqrt(3 / (n * (n**2 - 1)) / len(previous))
        value = q + change[at : at + n] / factor
        at += n
        assert np.diff(value[np.argsort(sent[name])]).min() > -1e-3


@pytest.mark.parametrize("source", ["colluders", "benign"])
@pytest.mark.parametrize("z", [None, 1.5])
def test_alie_by_its_formula(source: str, z: float | None) -> None:
    rows = rows_of(VIEW.own if source == "colluders" else VIEW.benign, VIEW.previous)
    times = alie_z(25, 3) if z is None else z
    mean, std = rows.mean(0), rows.std(0)

    against = sent_by("rank_alie", source=source, z=z)
    lowering = sent_by("rank_alie", source=source, z=z, direction="std")

    np.testing.assert_array_equal(against[0]["fc"], against[2]["fc"])
    assert_ranks(against[0], mean - times * np.sign(mean) * std, VIEW.previous)
    assert_ranks(lowering[0], mean - times * std, VIEW.previous)


def test_alie_of_so_few_that_none_may_deviate_sends_the_mean() -> None:
    assert alie_z(10, 1) < 0

    (sent,) = sent_by("rank_alie", builders.rank_view(sampled=10), 1)

    view = builders.rank_view()
    assert_ranks(sent, rows_of(view.own, view.previous).mean(0), view.previous)


@pytest.mark.parametrize("source", ["colluders", "benign"])
def test_fang_lies_between_its_bounds_and_differs_by_colluder(source: str) -> None:
    rows = rows_of(VIEW.own if source == "colluders" else VIEW.benign, VIEW.previous)
    mean, std = rows.mean(0), rows.std(0)

    exact = sent_by("rank_fang", source=source, low=2.0, high=2.0)
    drawn = sent_by("rank_fang", source=source)

    assert_ranks(exact[0], mean - 2 * np.sign(mean) * std, VIEW.previous)
    assert not np.array_equal(drawn[0]["fc"], drawn[1]["fc"])


def farthest(rows: np.ndarray, push: np.ndarray, of: Any) -> float:
    """Largest step on a fine grid at which the distances of the pushed mean hold the budget."""
    mean = rows.mean(0)
    between = np.array([[np.sum((a - b) ** 2) for b in rows] for a in rows])
    for step in np.linspace(10, 0, 200_001):
        to = np.sum((mean + step * push - rows) ** 2, axis=1)
        if of(to) <= (between.max() if of is np.max else between.sum(1).max()):
            return float(step)
    return 0.0


@pytest.mark.parametrize("direction", ["unit", "std"])
@pytest.mark.parametrize(("name", "of"), [("rank_min_max", np.max), ("rank_min_sum", np.sum)])
def test_min_max_and_min_sum_spend_their_budget(name: str, of: Any, direction: str) -> None:
    rows = rows_of(VIEW.own, VIEW.previous)
    mean = rows.mean(0)
    push = -mean / np.linalg.norm(mean) if direction == "unit" else -rows.std(0)

    sent = sent_by(name, direction=direction)

    step = farthest(rows, push, of)
    assert step > 0.05
    assert_ranks(sent[0], mean + step * push, VIEW.previous)


def test_dyn_opt_finds_the_end_of_what_the_sum_follows() -> None:
    view = builders.rank_view(own=builders.rankings(4, seed=1), sampled=10)
    rows = rows_of(view.own, view.previous)
    mean = rows.mean(0)
    push = -mean / np.linalg.norm(mean)
    others = [view.own[i % 4] for i in range(7)]

    def ranked(step: float) -> Update:
        made, at = {}, 0
        for name, q in view.previous.items():
            factor = np.sqrt(3 / (q.size * (q.size**2 - 1)) / len(view.previous))
            value = q + (mean + step * push)[at : at + q.size] / factor
            at += q.size
            made[name] = np.empty(q.size, np.int32)
            made[name][np.lexsort((q, value))] = np.arange(q.size)
        return made

    def along(step: float) -> float:
        voted = builders.borda([*others, *[ranked(step)] * 3])
        return float(rows_of([voted], view.previous)[0] @ push)

    accepted = [s for s in np.linspace(0, 4, 801) if along(s) - along(0) >= 0.5 * 0.3 * s]
    (sent, *_) = sent_by("rank_dyn_opt", view, tolerance=0.01)

    assert 0 < max(accepted) < 4
    near = [
        s
        for s in np.linspace(0, 4, 4001)
        if all(np.array_equal(ranked(s)[name], sent[name]) for name in sent)
    ]
    assert near
    assert max(accepted) * 0.9 < max(near)
    assert min(near) < max(accepted) * 1.1


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("rank_alie", {"z": -1.0}),
        ("rank_fang", {"low": 4.0, "high": 3.0}),
        ("rank_dyn_opt", {"share": 0.0}),
        ("rank_dyn_opt", {"limit": 0.0}),
        ("rank_dyn_opt", {"tolerance": 1.0}),
        ("rank_min_max", {"direction": "sign"}),
    ],
)
def test_parameters_out_of_range_are_refused(name: str, params: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=name):
        attacks.make(name, **params)
