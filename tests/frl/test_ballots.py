import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frl.errors import InputError
from frl.exchange.ballots import ballot, dithered, refine
from frl.wire.boundaries import boundaries, bucket_table, midranks


def permutation(n, seed):
    return np.random.default_rng(seed).permutation(n).astype(np.int32)


@given(n=st.integers(0, 3000), bits=st.integers(1, 8), seed=st.integers(0, 99))
def test_a_ballot_is_the_floor_of_the_scaled_rank(n, bits, seed):
    positions = permutation(n, seed)
    expected = [int(rank) * 2**bits // n for rank in positions]
    result = ballot(positions, bits)
    assert result.dtype == np.uint8
    assert result.tolist() == expected


@given(
    n=st.integers(1, 5000),
    bits=st.integers(1, 8),
    focus=st.floats(1.0, 16.0),
    centre=st.floats(0.05, 0.95),
)
def test_boundaries_cover_all_ranks_in_order(n, bits, focus, centre):
    edges = boundaries(n, bits, focus=focus, centre=centre)
    assert edges.shape == (2**bits + 1,)
    assert edges[0] == 0
    assert edges[-1] == n
    assert (np.diff(edges) >= 0).all()
    assert np.array_equal(np.bincount(bucket_table(edges), minlength=2**bits), np.diff(edges))


def test_a_focused_ballot_is_finer_about_the_centre():
    n, centre = 100_000, 0.3
    widths = np.diff(boundaries(n, 4, focus=2.0, centre=centre))
    holding = np.searchsorted(np.cumsum(widths), int(centre * n))
    assert widths[holding - 1 : holding + 2].max() < 0.6 * n / 16
    assert widths[0] > n / 16
    assert widths[-1] > n / 16


def test_boundaries_follow_the_power_law():
    edges = boundaries(1000, 2, focus=2.0, centre=0.5)
    assert edges.tolist() == [0, 375, 500, 625, 1000]


@pytest.mark.parametrize("kwargs", [{"bits": 0}, {"bits": 9}, {"bits": 4, "focus": 0.5}])
def test_boundaries_refuse_what_is_out_of_range(kwargs):
    with pytest.raises(InputError):
        boundaries(10, **kwargs)


def test_boundaries_refuse_a_centre_at_the_end():
    with pytest.raises(InputError, match="centre"):
        boundaries(10, 4, focus=2.0, centre=1.0)


@given(
    n=st.integers(0, 2000),
    seed=st.integers(0, 99),
    distinct=st.sampled_from([1, 2, 7, 10**6]),
)
def test_refine_sorts_by_votes_then_by_the_previous_ranking(n, seed, distinct):
    rng = np.random.default_rng(seed)
    votes = rng.integers(0, distinct, n).astype(np.int32)
    previous = permutation(n, seed)
    order = sorted(range(n), key=lambda edge: (votes[edge], previous[edge]))
    expected = np.empty(n, np.int32)
    expected[order] = np.arange(n)
    assert np.array_equal(refine(votes, previous), expected)


@given(n=st.integers(0, 2000), bits=st.integers(1, 8), seed=st.integers(0, 99))
def test_refining_a_ballot_keeps_the_ballot(n, bits, seed):
    votes = ballot(permutation(n, seed), bits)
    rebuilt = refine(votes.astype(np.int32), permutation(n, seed + 1))
    assert np.array_equal(ballot(rebuilt, bits), votes)


def test_equal_votes_keep_the_previous_ranking():
    previous = permutation(500, 3)
    assert np.array_equal(refine(np.full(500, 7, np.int32), previous), previous)


@given(n=st.integers(0, 2000), seed=st.integers(0, 99), strength=st.floats(0.0, 4.0))
def test_a_dithered_ranking_is_a_permutation_that_moved_no_further_than_the_noise(
    n, seed, strength
):
    positions = permutation(n, seed)
    result = dithered(positions, 4, np.random.default_rng(seed), strength=strength)
    assert np.array_equal(np.sort(result), np.arange(n))
    if n:
        assert np.abs(result - positions).max() <= strength * n / 16 + 1


def test_no_dither_changes_nothing():
    positions = permutation(1000, 0)
    result = dithered(positions, 4, np.random.default_rng(0), strength=0.0)
    assert np.array_equal(result, positions)


def test_the_mean_of_dithered_ballots_tells_ranks_apart_within_a_bucket():
    n, bits, voters = 1600, 4, 200
    positions = np.arange(n, dtype=np.int32)
    votes = np.zeros(n)
    for voter in range(voters):
        votes += ballot(dithered(positions, bits, np.random.default_rng(voter)), bits)
    inside = slice(n // 16 * 7, n // 16 * 8)
    assert np.ptp(ballot(positions, bits)[inside]) == 0
    assert np.corrcoef(votes[inside], positions[inside])[0, 1] > 0.95


@given(n=st.integers(1, 3000), bits=st.integers(1, 8), focus=st.sampled_from([1.0, 2.0]))
def test_midranks_are_twice_the_mean_rank_of_a_bucket(n, bits, focus):
    edges = boundaries(n, bits, focus=focus)
    for bucket, weight in enumerate(midranks(edges).tolist()):
        ranks = range(edges[bucket], edges[bucket + 1])
        if ranks:
            assert weight == 2 * sum(ranks) / len(ranks)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_with_dither_the_mean_ballot_is_linear_in_the_rank_but_for_half_a_bucket_at_each_end(
    bits: int,
) -> None:
    n, voters = 4096, 400
    ranks = np.arange(n, dtype=np.int32)
    means = np.mean(
        [
            (ballot(dithered(ranks, bits, np.random.default_rng(voter)), bits) + 0.5) / (1 << bits)
            for voter in range(voters)
        ],
        axis=0,
    )

    half = 0.5 / (1 << bits)
    saturated = np.clip((ranks + 0.5) / n, half, 1 - half)
    assert np.abs(means - saturated).max() < 5 * 0.5 / (1 << bits) / np.sqrt(voters)
