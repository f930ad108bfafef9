from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.vote import Vote, rank_by


def rankings(count: int, n: int, seed: int) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    return [
        {"a": rng.permutation(n).astype(np.int32), "b": rng.permutation(3).astype(np.int32)}
        for _ in range(count)
    ]


def by_hand(previous: np.ndarray, ballots: list[np.ndarray]) -> list[int]:
    """Sort edges by the sum of their positions, then by their previous position."""
    totals = [sum(int(ballot[edge]) for ballot in ballots) for edge in range(previous.size)]
    order = sorted(range(previous.size), key=lambda edge: (totals[edge], previous[edge]))
    return [order.index(edge) for edge in range(previous.size)]


@given(st.integers(1, 7), st.integers(1, 12), st.integers(0, 10_000))
def test_the_vote_agrees_with_counting_by_hand(count: int, n: int, seed: int) -> None:
    previous, *ballots = rankings(count + 1, n, seed)
    vote = Vote(previous)

    for ballot in ballots:
        vote.add(ballot)

    for name, positions in vote.result().items():
        assert positions.dtype == np.int32
        assert positions.tolist() == by_hand(previous[name], [ballot[name] for ballot in ballots])


@given(st.integers(2, 9), st.integers(0, 1000), st.randoms(use_true_random=False))
def test_the_order_of_ballots_does_not_matter(count: int, seed: int, random: object) -> None:
    previous, *ballots = rankings(count + 1, 40, seed)
    shuffled = list(ballots)
    random.shuffle(shuffled)
    one, other = Vote(previous), Vote(previous)

    for first, second in zip(ballots, shuffled, strict=True):
        one.add(first)
        other.add(second)

    for name, positions in one.result().items():
        np.testing.assert_array_equal(positions, other.result()[name])


def test_nobody_voted() -> None:
    (previous,) = rankings(1, 10, 0)

    assert Vote(previous).result() is previous


def test_ballots_are_not_changed() -> None:
    previous, first, second = rankings(3, 50, 0)
    kept = first["a"].copy()
    vote = Vote(previous)

    vote.add(first)
    vote.add(second)

    np.testing.assert_array_equal(first["a"], kept)


def test_sums_beyond_32_bits_are_exact() -> None:
    previous, ballot = rankings(2, 100, 0)
    vote = Vote(previous)
    vote.add(ballot)
    vote._most = {"a": 2**30, "b": 2**30}

    for _ in range(4):
        vote.add(ballot)

    assert vote._sums["a"].dtype == np.int64
    np.testing.assert_array_equal(vote.result()["a"], ballot["a"])


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64])
def test_any_reputation_ranks_with_ties_by_the_previous_ranking(dtype: type) -> None:
    rng = np.random.default_rng(0)
    previous = rng.permutation(200).astype(np.int32)
    reputation = rng.integers(-5, 5, 200).astype(dtype)
    huge = reputation.astype(np.int64) * 2**40

    expected = np.empty(200, dtype=np.int32)
    expected[np.lexsort((previous, reputation))] = np.arange(200)

    np.testing.assert_array_equal(rank_by(reputation, previous), expected)
    np.testing.assert_array_equal(rank_by(huge, previous), expected)


def test_memory_does_not_grow_with_voters() -> None:
    previous, *ballots = rankings(6, 200_000, 0)

    def peak(voters: int) -> int:
        tracemalloc.start()
        vote = Vote(previous)
        for voter in range(voters):
            vote.add(ballots[voter % 5])
        vote.result()
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(60) < 1.05 * peak(6)
