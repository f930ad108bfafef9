"""The space of changes against distances of rankings and exhaustive search."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks.base import Update
from attacks.geometry.change_space import ChangeSpace
from frl.ranking import permutation_fault
from tests.attacks import builders

SIZES = {"a": 9, "b": 40, "c": 1}


def spearman(first: Update, second: Update) -> float:
    """Mean over layers of the squared rank differences, as a share of the most there can be."""
    shares = []
    for name in first:
        n = first[name].size
        most = sum((n - 1 - 2 * r) ** 2 for r in range(n))
        gap = sum((int(a) - int(b)) ** 2 for a, b in zip(first[name], second[name], strict=True))
        shares.append(gap / max(1, most))
    return float(np.mean(shares))


@pytest.mark.parametrize("seed", range(4))
def test_squared_lengths_are_mean_spearman_distances(seed: int) -> None:
    first, second, previous = builders.rankings(3, seed, shapes=SIZES)
    changes = ChangeSpace(previous)

    rows = changes.stacked([first, second])

    assert rows.dtype == np.float32
    assert rows.shape == (2, 50)
    assert float(np.sum((rows[0] - rows[1]) ** 2)) == pytest.approx(spearman(first, second), 1e-5)
    assert float(np.sum(rows[0] ** 2)) == pytest.approx(spearman(first, previous), 1e-5)


def test_a_ranking_and_its_reversal_are_at_distance_one() -> None:
    previous = builders.rankings(1, 3, shapes={"a": 9, "b": 40})[0]
    reverse = {name: (q.size - 1 - q).astype(np.int32) for name, q in previous.items()}

    (change,) = ChangeSpace(previous).stacked([reverse])

    assert float(np.linalg.norm(change)) == pytest.approx(1.0, rel=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_a_vote_survives_the_way_there_and_back(seed: int) -> None:
    vote, previous = builders.rankings(2, seed, shapes=SIZES)
    changes = ChangeSpace(previous)

    back = changes.ranking(changes.change(vote))
    flat = changes.ranking(changes.stacked([vote])[0])

    for name in vote:
        np.testing.assert_array_equal(back[name], vote[name])
        np.testing.assert_array_equal(flat[name], vote[name])


@pytest.mark.parametrize("seed", range(5))
def test_the_ranking_of_a_change_is_the_nearest_one(seed: int) -> None:
    previous = builders.rankings(1, seed, shapes={"w": 6})[0]
    changes = ChangeSpace(previous)
    change = (0.4 * builders.rng(seed).standard_normal(6)).astype(np.float32)

    found = changes.stacked([changes.ranking(change)])[0]

    every = changes.stacked([{"w": np.array(p, np.int32)} for p in permutations(range(6))])
    assert np.sum((found - change) ** 2) == pytest.approx(np.sum((every - change) ** 2, 1).min())


def test_equal_edges_keep_the_order_they_had() -> None:
    previous = {"w": np.array([2, 0, 3, 1], np.int32)}
    changes = ChangeSpace(previous)
    level = {"w": -previous["w"] * changes.scale("w")}

    np.testing.assert_array_equal(changes.ranking(level)["w"], previous["w"])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 3))
def test_ranking_at_most_doubles_the_distance_to_a_vote(seed: int, size: float) -> None:
    vote, previous = builders.rankings(2, seed, shapes=SIZES)
    changes = ChangeSpace(previous)
    change = (size * builders.rng(seed).standard_normal(50) / 7).astype(np.float32)

    ranking = changes.ranking(change)

    row = changes.stacked([vote])[0]
    reached = changes.stacked([ranking])[0]
    assert np.linalg.norm(reached - row) <= 2 * np.linalg.norm(change - row) + 1e-5
    assert all(permutation_fault(ranking[name], n) is None for name, n in SIZES.items())
