"""Rules on rankings: brute force, and how far one ballot can move an edge."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from frl.errors import InputError
from frl.ranking import top_mask
from strategies.rules import RuleContext, make
from strategies.rules.distance_filter import DistanceFilter

LAYERS = (7, 40)
N, F = 9, 2


def ranking(random: np.random.Generator) -> np.ndarray:
    return np.concatenate([random.permutation(size) for size in LAYERS]).astype(np.int32)


def ballots(seed: int, n: int = N) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.stack([ranking(random) for _ in range(n)])


def context(n: int, seed: int = 0) -> RuleContext:
    previous = torch.from_numpy(ranking(np.random.default_rng(1000 + seed)))
    return RuleContext(tuple(range(n)), LAYERS, keep=0.3, previous=previous)


def reputation(name: str, votes: np.ndarray, **params: object) -> np.ndarray:
    rule = make(name, **params)
    return rule.aggregate(torch.from_numpy(votes), context(len(votes)), {}).vector.numpy()


def per_layer(values: np.ndarray) -> list[np.ndarray]:
    return np.split(values, np.cumsum(LAYERS)[:-1], axis=-1)


def test_sum() -> None:
    votes = ballots(0)
    assert np.array_equal(reputation("sum", votes), votes.sum(axis=0))


def test_sum_of_many_large_layers_does_not_wrap_around() -> None:
    n, d = 1100, 2_000_000
    votes = torch.arange(d, dtype=torch.int32).expand(n, d)
    total = make("sum").aggregate(votes, RuleContext(tuple(range(n)), (d,)), {}).vector
    assert total[-1].item() == n * (d - 1) > 2**31


@pytest.mark.parametrize("n", [1, 2, 8, 9])
def test_median_position(n: int) -> None:
    votes = ballots(0, n)
    assert np.array_equal(reputation("median_position", votes), 2 * np.median(votes, axis=0))


@pytest.mark.parametrize("f", range(5))
def test_trimmed_position(f: int) -> None:
    votes = ballots(0)
    expected = np.sort(votes, axis=0)[f : N - f].sum(axis=0)
    assert np.array_equal(reputation("trimmed_position", votes, f=f), expected)


@pytest.mark.parametrize("tau", [0.01, 0.2, 1.0])
def test_clipped_shift(tau: float) -> None:
    votes = ballots(0)
    previous = context(N).previous.numpy()  # type: ignore[union-attr]
    limits = np.repeat([max(1, int(tau * size)) for size in LAYERS], LAYERS)
    shifts = np.clip(votes - previous, -limits, limits)
    expected = (previous + shifts).sum(axis=0)
    assert np.array_equal(reputation("clipped_shift", votes, tau=tau), expected)
    assert np.array_equal(expected, votes.sum(axis=0)) == (tau == 1.0)


@pytest.mark.parametrize("keep", [None, 0.1, 0.5, 1.0])
def test_approval(keep: float | None) -> None:
    votes = ballots(0)
    expected = []
    for layer in per_layer(votes):
        masks = [top_mask(vote, 0.3 if keep is None else keep) for vote in layer]
        expected.append(np.sum(masks, axis=0))
    assert np.array_equal(reputation("approval", votes, keep=keep), np.concatenate(expected))


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    shares = [
        3 * ((one - other) ** 2).sum() / (len(one) * (len(one) ** 2 - 1))
        for one, other in zip(per_layer(first), per_layer(second), strict=True)
    ]
    return float(np.mean(shares))


def footrule(first: np.ndarray, second: np.ndarray) -> float:
    shares = [
        2 * np.abs(one - other).sum() / len(one) ** 2
        for one, other in zip(per_layer(first), per_layer(second), strict=True)
    ]
    return float(np.mean(shares))


@pytest.mark.parametrize("n", [8, 9])
@pytest.mark.parametrize("reference", ["median", "mean"])
@pytest.mark.parametrize("metric", ["spearman", "footrule"])
def test_distance_filter(n: int, metric: str, reference: str) -> None:
    votes = ballots(0, n).astype(np.float64)
    centre = np.median(votes, axis=0) if reference == "median" else votes.mean(axis=0)
    measure = spearman if metric == "spearman" else footrule
    distances = [measure(vote, centre) for vote in votes]
    rule = make("distance_filter", f=F, metric=metric, reference=reference)
    assert isinstance(rule, DistanceFilter)
    positions = torch.from_numpy(votes.astype(np.int32))
    assert np.allclose(rule.distances(positions, LAYERS), distances)
    expected = votes[np.argsort(distances)[: n - F]].sum(axis=0)
    got = rule.aggregate(positions, context(n), {}).vector
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("name", ["distance_filter", "krum_position"])
def test_turning_a_small_layer_around_is_as_conspicuous_as_a_large_one(name: str) -> None:
    random = np.random.default_rng(0)
    layers = (12, 5000)
    base = [np.arange(size) for size in layers]
    votes = []
    for client in range(9):
        noisy = [
            (order + 0.1 * size * random.standard_normal(size)).argsort().argsort()
            for order, size in zip(base, layers, strict=True)
        ]
        if client in (3, 6):
            noisy[0] = base[0][::-1]
        votes.append(np.concatenate(noisy))
    stack = np.stack(votes).astype(np.int32)
    params = {"f": 2, "select": 7} if name == "krum_position" else {"f": 2}
    given_context = RuleContext(tuple(range(9)), layers)
    got = make(name, **params).aggregate(torch.from_numpy(stack), given_context, {}).vector
    assert np.array_equal(got, np.delete(stack, [3, 6], axis=0).sum(axis=0))


@pytest.mark.parametrize("select", [None, 1, 4])
def test_krum_position(select: int | None) -> None:
    votes = ballots(0)
    scores = []
    for i in range(N):
        others = sorted(spearman(votes[i], votes[k]) for k in range(N) if k != i)
        scores.append(sum(others[: N - F - 2]))
    expected = votes[np.argsort(scores)[: select or N - F - 2]].sum(axis=0)
    assert np.array_equal(reputation("krum_position", votes, f=F, select=select), expected)


@pytest.mark.parametrize("name", ["multi_krum", "krum_position"])
def test_more_cannot_be_selected_than_there_are(name: str) -> None:
    rule = make(name, f=1, select=10)
    rule.check(10)
    with pytest.raises(InputError, match="needs at least 10 updates, got 9"):
        rule.check(9)


seeds = st.integers(0, 10_000)
sizes = np.repeat(LAYERS, LAYERS)


def after_one_changes(name: str, seed: int, **params: object) -> tuple[np.ndarray, np.ndarray]:
    votes = ballots(seed)
    changed = votes.copy()
    changed[seed % N] = ranking(np.random.default_rng(seed + 1))
    return reputation(name, votes, **params), reputation(name, changed, **params)


@settings(max_examples=30)
@given(seeds)
def test_one_ballot_moves_an_edge_no_farther_than_stated(seed: int) -> None:
    limits = np.maximum(1, (0.1 * sizes).astype(int))
    for name, params, most in (
        ("sum", {}, sizes - 1),
        ("clipped_shift", {"tau": 0.1}, 2 * limits),
        ("approval", {}, 1),
    ):
        before, after = after_one_changes(name, seed, **params)
        assert (np.abs(after - before) <= most).all()


@settings(max_examples=30)
@given(seeds)
def test_one_ballot_leaves_an_edge_within_what_the_others_said(seed: int) -> None:
    votes = ballots(seed)
    others = np.sort(votes[:-1], axis=0)
    votes[-1] = ranking(np.random.default_rng(seed + 1))
    median = reputation("median_position", votes)
    half = (N - 1) // 2
    assert (median >= 2 * others[half - 1]).all()
    assert (median <= 2 * others[half]).all()
    trimmed = reputation("trimmed_position", votes, f=1)
    assert (trimmed >= (N - 2) * others[0]).all()
    assert (trimmed <= (N - 2) * others[-1]).all()
