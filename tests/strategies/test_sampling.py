from __future__ import annotations

import numpy as np
import pytest

from frl.errors import InputError
from strategies.sampling import sample_clients


def test_samples_are_distinct_ascending_and_follow_from_seed_and_round() -> None:
    drawn = sample_clients(1, 5, 1000, 25)

    assert len(set(drawn.tolist())) == 25
    assert (np.diff(drawn) > 0).all()
    np.testing.assert_array_equal(drawn, sample_clients(1, 5, 1000, 25))
    assert not np.array_equal(drawn, sample_clients(1, 6, 1000, 25))
    assert not np.array_equal(drawn, sample_clients(2, 5, 1000, 25))


def test_every_client_is_sampled_equally_often() -> None:
    counts = np.zeros(20)
    for round in range(2000):
        counts[sample_clients(0, round, 20, 5)] += 1

    # each count is Binomial(2000, 1/4): 5 standard deviations are 97
    assert np.abs(counts - 500).max() < 97


def test_everybody_can_be_sampled() -> None:
    assert sample_clients(0, 1, 7, 7).tolist() == list(range(7))


def test_draws_can_be_thrown_away() -> None:
    def majority(drawn: np.ndarray) -> bool:
        return int((drawn < 40).sum()) >= 13

    kept = [sample_clients(0, r, 100, 25, redraw=majority) for r in range(50)]
    plain = [sample_clients(0, r, 100, 25) for r in range(50)]

    assert not any(majority(drawn) for drawn in kept)
    assert any(majority(drawn) for drawn in plain)
    assert all(np.array_equal(k, p) for k, p in zip(kept, plain, strict=True) if not majority(p))


def test_throwing_away_everything_ends() -> None:
    with pytest.raises(InputError, match="every one of 10000 draws of round 3"):
        sample_clients(0, 3, 10, 2, redraw=lambda drawn: True)
