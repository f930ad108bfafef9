from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from frl.ranking import (
    invert,
    kept_edges,
    packed_order,
    permutation_fault,
    rank,
    top_mask,
    unrank,
)

finite = st.floats(-3, 3, width=32)


@given(arrays(np.float32, st.integers(0, 200), elements=finite))
def test_rank_is_the_inverse_of_a_stable_sort(scores: np.ndarray) -> None:
    order = np.argsort(scores + np.float32(0.0), kind="stable")
    expected = np.empty(scores.size, dtype=np.int32)
    expected[order] = np.arange(scores.size)

    positions = rank(scores)

    assert positions.dtype == np.int32
    np.testing.assert_array_equal(positions, expected)


@given(st.integers(0, 300), st.integers(0, 1000))
def test_round_trip_through_scores(n: int, seed: int) -> None:
    positions = np.random.default_rng(seed).permutation(n).astype(np.int32)
    sorted_scores = np.sort(np.random.default_rng(1).permutation(n)).astype(np.float32)

    np.testing.assert_array_equal(rank(unrank(positions, sorted_scores)), positions)
    np.testing.assert_array_equal(invert(invert(positions)), positions)


@given(arrays(np.int32, 50, elements=st.integers(-(2**31), 2**31 - 1)), st.permutations(range(50)))
def test_packed_order_sorts_by_high_then_low(high: np.ndarray, low: list[int]) -> None:
    expected = sorted(range(50), key=lambda i: (high[i], low[i]))

    order = packed_order(high, np.array(low, dtype=np.int32))

    assert order.tolist() == [low[i] for i in expected]


def test_the_largest_floats_still_have_a_ranking() -> None:
    huge = np.finfo(np.float32).max

    assert rank(np.array([huge, 0, -huge], dtype=np.float32)).tolist() == [2, 1, 0]


@pytest.mark.parametrize("value", [np.nan, -np.nan, np.inf, -np.inf])
def test_diverged_scores_have_no_ranking(value: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        rank(np.array([0.0, value], dtype=np.float32))


@given(st.integers(1, 100), st.floats(0.01, 1))
def test_top_mask_keeps_the_highest_ranks(n: int, keep: float) -> None:
    positions = np.random.default_rng(n).permutation(n).astype(np.int32)

    mask = top_mask(positions, keep)

    assert mask.sum() == kept_edges(n, keep) == n - int((1 - keep) * n)
    assert mask.all() or positions[mask].min() > positions[~mask].max()


@given(arrays(np.int32, st.integers(0, 6), elements=st.integers(-2, 7)))
def test_permutation_check_agrees_with_sorting(positions: np.ndarray) -> None:
    n = positions.size

    fault = permutation_fault(positions, n)

    assert (fault is None) == (sorted(positions.tolist()) == list(range(n)))


@pytest.mark.parametrize(
    ("positions", "fault"),
    [
        ([0, 1], "wrong-shape"),
        ([0, 1, 3], "out-of-range"),
        ([0, 1, -1], "out-of-range"),
        ([0, 1, 1], "not-a-permutation"),
    ],
)
def test_permutation_faults_have_names(positions: list[int], fault: str) -> None:
    assert permutation_fault(np.array(positions, dtype=np.int32), 3) == fault
