"""The bound on what a round can move where a rule bounds the length of a layer's change."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from frl.ranking import rank, top_mask
from strategies import rank_by, rules
from strategies.certificates import most_moved
from strategies.rules import RuleContext


def least_squared_length(n: int, at: int, k: int) -> float:
    """Least squared length that takes k edges across the boundary, over all sets of edges."""
    levels = np.arange(0, n, 0.25)
    found = np.inf
    for gone in itertools.combinations(range(at, n), k):
        for come in itertools.combinations(range(at), k):
            down = np.maximum(np.array(gone)[:, None] - levels, 0.0)
            up = np.maximum(levels - np.array(come)[:, None], 0.0)
            found = min(found, float(((down**2).sum(axis=0) + (up**2).sum(axis=0)).min()))
    return found


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_the_bound_is_the_least_that_any_sets_of_edges_take(k: int) -> None:
    length = float(np.sqrt(least_squared_length(9, 4, k)))
    assert most_moved(length * (1 + 1e-9)) == k
    assert most_moved(length * (1 - 1e-9)) == k - 1


def test_nothing_moves_without_a_change() -> None:
    assert most_moved(0.0) == 0


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(4, 60), clients=st.integers(3, 9))
def test_no_change_of_a_length_moves_more(seed: int, n: int, clients: int) -> None:
    rng = np.random.default_rng(seed)
    previous = rng.permutation(n).astype(np.int32)
    delta = rng.standard_normal(n) * rng.choice([0.3, 1.0, n / 4])
    if rng.random() < 0.5:  # pushed across the boundary, where it costs least
        delta = np.where(previous >= n // 2, -np.abs(delta), np.abs(delta))
        delta *= np.exp(-np.abs(previous - n / 2) / rng.choice([1.0, 5.0]))
    after = rank((previous + delta).astype(np.float32))
    moved = int((top_mask(previous, 0.5) & ~top_mask(after, 0.5)).sum())
    assert moved <= most_moved(float(np.linalg.norm(delta)) * (1 + 1e-5) + 1e-4)


@example(seed=1, n=6, clients=4)  # two of whom change nothing
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(6, 80), clients=st.integers(4, 9))
def test_the_change_vote_moves_no_more_than_its_length_allows(
    seed: int, n: int, clients: int
) -> None:
    rng = np.random.default_rng(seed)
    previous = rng.permutation(n).astype(np.int32)
    votes = np.array(
        [(previous + rng.standard_normal(n) * n / 8).argsort().argsort() for _ in range(clients)]
    ).astype(np.int32)
    votes[: clients // 3] = n - 1 - votes[: clients // 3]
    context = RuleContext(tuple(range(clients)), (n,), previous=torch.from_numpy(previous))
    rule = rules.make("change_vote")
    vector = rule.aggregate(torch.from_numpy(votes), context, {}).vector.numpy()
    changes, ramp = votes - previous, previous - previous.mean()
    across = changes - np.outer(changes @ ramp, ramp) / (ramp @ ramp)
    heard = np.linalg.norm(across, axis=1) > 1e-6
    usual = float(np.median(np.linalg.norm(changes[heard], axis=1))) if heard.any() else 0.0

    delta = vector / 64 - previous
    after = rank_by(vector, previous)
    moved = int((top_mask(previous, 0.5) & ~top_mask(after, 0.5)).sum())
    assert np.linalg.norm(delta) <= usual + np.sqrt(n) / 64
    assert moved <= most_moved(usual + np.sqrt(n) / 64)
