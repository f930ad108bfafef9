from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from experiments.report.statistics import compare, estimate

values = st.lists(st.floats(-100, 100, width=32), min_size=2, max_size=12)


@given(values, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_interval_is_students(found: list[float], confidence: float) -> None:
    row = estimate(found, confidence=confidence)

    expected = stats.t.interval(
        confidence, len(found) - 1, loc=row.mean, scale=stats.sem(found) or 1e-300
    )
    assert (row.low, row.high) == pytest.approx(expected, abs=1e-6)


def test_three_seeds_by_hand() -> None:
    row = estimate([90.0, 92.0, 97.0])

    assert (row.n, row.mean) == (3, 93.0)
    assert row.sd == pytest.approx(13**0.5)
    half = 4.302652729911275 * (13 / 3) ** 0.5
    assert (row.low, row.high) == pytest.approx((93 - half, 93 + half))
    assert estimate([90.0, 92.0, 97.0], within=(0, 100)).high == 100


def test_one_seed_says_nothing_of_spread() -> None:
    assert estimate([90.0]) == (1, 90.0, None, None, None)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=10))
def test_the_paired_t_test_is_scipys(pairs: list[tuple[int, int]]) -> None:
    first, second = ([float(pair[side]) for pair in pairs] for side in (0, 1))

    found = compare(first, second)

    if len({a - b for a, b in pairs}) == 1:
        assert found.t_p is None
    else:
        assert found.t_p == pytest.approx(stats.ttest_rel(first, second).pvalue)


@pytest.mark.parametrize("differences", [[1, 2, 3], [1, -2, 3, 4], [5, -1, -2, 3, 4, 6], [-1, -2]])
def test_the_signed_rank_test_is_that_of_all_signs(differences: list[int]) -> None:
    ranks = sorted(map(abs, differences))
    place = {size: number + 1 for number, size in enumerate(ranks)}
    observed = sum(place[abs(d)] for d in differences if d > 0)
    middle = sum(place.values()) / 2
    all_signs = [
        sum(rank for rank, sign in zip(place.values(), signs, strict=True) if sign)
        for signs in itertools.product((0, 1), repeat=len(differences))
    ]
    extreme = sum(abs(total - middle) >= abs(observed - middle) for total in all_signs)

    found = compare([10.0 + d for d in differences], [10.0] * len(differences))

    assert found.wilcoxon_p == pytest.approx(extreme / len(all_signs))
    assert found.difference.mean == pytest.approx(sum(differences) / len(differences))


def test_equal_values_differ_in_nothing() -> None:
    found = compare([1.0, 2.0], [1.0, 2.0])

    assert (found.difference.mean, found.t_p, found.wilcoxon_p) == (0.0, None, None)
