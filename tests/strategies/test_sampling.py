from __future__ import annotations

import numpy as np
import pytest

from frl.errors import InputError
from strategies.sampling import group_of_clients, sample_clients


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


@pytest.mark.parametrize(("clients", "groups"), [(20, 1), (20, 5), (23, 5), (7, 7)])
def test_groups_are_a_partition_of_equal_parts(clients: int, groups: int) -> None:
    parts = [group_of_clients(3, clients, groups, group) for group in range(groups)]

    assert sorted(np.concatenate(parts).tolist()) == list(range(clients))
    assert {len(part) for part in parts} <= {clients // groups, -(-clients // groups)}
    assert all((np.diff(part) > 0).all() for part in parts)


def test_groups_follow_from_the_seed_and_are_random() -> None:
    first = group_of_clients(1, 100, 5, 2)

    np.testing.assert_array_equal(first, group_of_clients(1, 100, 5, 2))
    assert not np.array_equal(first, group_of_clients(2, 100, 5, 2))
    together = [
        np.isin([0, 1], group_of_clients(seed, 20, 2, 0)).all()
        or not np.isin([0, 1], group_of_clients(seed, 20, 2, 0)).any()
        for seed in range(1000)
    ]
    # 9 of 19 others share the group of client 0: 5 standard deviations of Binomial(1000, 9/19)
    assert abs(sum(together) - 1000 * 9 / 19) < 79


def test_a_group_is_sampled_from_its_clients_alone() -> None:
    group = group_of_clients(0, 50, 5, 3)

    drawn = [sample_clients(0, round, group, 4) for round in range(40)]

    assert set(np.concatenate(drawn).tolist()) == set(group.tolist())
    assert all(len(set(each.tolist())) == 4 and (np.diff(each) > 0).all() for each in drawn)
