"""Rules on distances and spectra against brute force by definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from frl.randomness import Purpose, generator
from strategies.rules import Rule, RuleContext, make
from strategies.rules.mda import farthest

N, D, F = 11, 30, 2


def stack(seed: int, n: int = N, d: int = D) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def result(rule: Rule, values: np.ndarray) -> np.ndarray:
    return rule(torch.from_numpy(values)).numpy()


def krum_scores(values: np.ndarray, f: int) -> list[float]:
    scores = []
    for i, own in enumerate(values):
        others = [((own - other) ** 2).sum() for k, other in enumerate(values) if k != i]
        scores.append(sum(sorted(others)[: max(1, len(values) - f - 2)]))
    return scores


def krum_one_at_a_time(values: np.ndarray, f: int, count: int) -> list[int]:
    left = list(range(len(values)))
    chosen = []
    for _ in range(count):
        best = left[int(np.argmin(krum_scores(values[left], f)))]
        chosen.append(best)
        left.remove(best)
    return chosen


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("f", [0, 1, 4])
def test_krum(seed: int, f: int) -> None:
    values = stack(seed)
    assert np.array_equal(
        result(make("krum", f=f), values), values[np.argmin(krum_scores(values, f))]
    )


def test_krum_gives_a_tie_to_the_lower_client() -> None:
    values = torch.tensor([[0.0], [1.0], [5.0]])
    context = RuleContext(clients=(7, 3, 9), layers=(1,))
    assert make("krum", f=0).aggregate(values, context, {}).vector.item() == 1


@pytest.mark.parametrize("seed", range(5))
def test_multi_krum(seed: int) -> None:
    values = stack(seed)
    order = np.argsort(krum_scores(values, F))
    for select in (None, 1, 3, N):
        expected = values[order[: select or N - F - 2]].mean(axis=0)
        got = result(make("multi_krum", f=F, select=select), values)
        assert np.allclose(got, expected, atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_multi_krum_one_at_a_time(seed: int) -> None:
    values = stack(seed)
    expected = values[krum_one_at_a_time(values, F, 4)].mean(axis=0)
    got = result(make("multi_krum", f=F, select=4, repeat=True), values)
    assert np.allclose(got, expected, atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_bulyan(seed: int) -> None:
    values = stack(seed)
    chosen = values[krum_one_at_a_time(values, F, N - 2 * F)]
    nearest = np.abs(chosen - np.median(chosen, axis=0)).argsort(axis=0)[: N - 4 * F]
    expected = np.take_along_axis(chosen, nearest, axis=0).mean(axis=0)
    assert np.allclose(result(make("bulyan", f=F), values), expected, atol=1e-6)


def diameter(distances: np.ndarray, rows: tuple[int, ...]) -> float:
    return float(distances[np.ix_(rows, rows)].max())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("f", [0, 1, 3])
def test_mda(seed: int, f: int) -> None:
    values = stack(seed, n=8)
    distances = ((values[:, None] - values[None]) ** 2).sum(axis=-1)
    subsets = list(itertools.combinations(range(8), 8 - f))
    least = min(diameter(distances, subset) for subset in subsets)
    means = [values[list(s)].mean(axis=0) for s in subsets if diameter(distances, s) == least]
    got = result(make("mda", f=f), values)
    assert any(np.allclose(got, mean, atol=1e-6) for mean in means)


@given(arrays.arrays(np.int64, (8, 8), elements=st.integers(0, 6)), st.integers(0, 7), st.randoms())
def test_farthest_leaves_the_least_diameter_among_ties(values, f, random) -> None:  # type: ignore[no-untyped-def]
    distances = np.triu(values, 1) + np.triu(values, 1).T
    distances = distances.astype(np.float64)
    clients = list(range(100, 108))
    random.shuffle(clients)
    dropped = farthest(distances, f, clients)
    kept = tuple(row for row in range(8) if row not in dropped)
    assert len(kept) == 8 - f
    subsets = itertools.combinations(range(8), 8 - f)
    assert diameter(distances, kept) == min(diameter(distances, subset) for subset in subsets)


def total_distance(values: np.ndarray, point: np.ndarray) -> float:
    return float(np.linalg.norm(values - point, axis=1).sum())


@pytest.mark.parametrize("seed", range(5))
def test_geometric_median_balances_unit_pulls(seed: int) -> None:
    """The gradient of the total distance vanishes there, and only there."""
    values = stack(seed, n=7, d=4).astype(np.float64) * [1, 10, 1, 0.1]
    values[0] *= 1000
    point = result(make("geometric_median"), values.astype(np.float32))
    away = point - values
    pull = (away / np.linalg.norm(away, axis=1, keepdims=True)).sum(axis=0)
    assert np.linalg.norm(pull) < 1e-3


def test_geometric_median_on_a_line_is_the_median() -> None:
    values = np.array([[0.0, 0.0], [1, 2], [2, 4], [3, 6], [100, 200]], dtype=np.float32)
    got = result(make("geometric_median"), values)
    assert np.allclose(got, [2, 4], atol=1e-3)
    assert total_distance(values, got) <= total_distance(values, values.mean(axis=0))


def test_geometric_median_of_a_triangle_sees_its_sides_at_120_degrees() -> None:
    corners = np.array([[1, 0], [-0.5, 3**0.5 / 2], [-0.5, -(3**0.5) / 2]], dtype=np.float32)
    assert np.allclose(result(make("geometric_median"), corners + 5), [5, 5], atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_caf(seed: int) -> None:
    values = stack(seed, d=12).astype(np.float64)
    values[:F] += 3
    count, best, least = np.ones(N), None, np.inf
    while count.sum() > N - 2 * F:
        mean = count @ values / count.sum()
        centred = values - mean
        spectrum, vectors = np.linalg.eigh((count[:, None] * centred).T @ centred / count.sum())
        if spectrum[-1] < least:
            best, least = mean, spectrum[-1]
        deviations = (centred @ vectors[:, -1]) ** 2
        count = count * (1 - deviations / deviations[count > 0].max())
        count = np.maximum(count, 0)
    got = result(make("caf", f=F), values.astype(np.float32))
    assert np.allclose(got, best, atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_dnc_on_all_coordinates(seed: int) -> None:
    values = stack(seed)
    values[[2, 7]] += 0.7
    centred = values - values.mean(axis=0)
    leading = np.linalg.svd(centred)[2][0]
    kept = ((centred @ leading) ** 2).argsort()[: N - F]
    expected = values[kept].mean(axis=0)
    assert np.allclose(result(make("dnc", f=F), values), expected, atol=1e-6)


def test_dnc_draws_coordinates_by_seed_and_round() -> None:
    values = torch.from_numpy(stack(0, d=400))
    rule = make("dnc", f=4, dimensions=3)
    contexts = [
        RuleContext(tuple(range(N)), (400,), seed=seed, round=number)
        for seed, number in ((0, 1), (0, 1), (0, 2), (1, 1))
    ]
    first, again, later, other = (rule.aggregate(values, c, {}).vector for c in contexts)
    assert torch.equal(first, again)
    assert not torch.equal(first, later)
    assert not torch.equal(first, other)


def test_dnc_drops_what_any_draw_condemns() -> None:
    values, kept = stack(0, d=400), set(range(N))
    random = generator(0, Purpose.RULE, round=1)
    for _ in range(3):
        sample = values[:, np.sort(random.choice(400, 20, replace=False))]
        sample = sample - sample.mean(axis=0)
        scores = (sample @ np.linalg.svd(sample)[2][0]) ** 2
        kept &= set(scores.argsort()[: N - F].tolist())
    assert len(kept) < N - F
    rule = make("dnc", f=F, iterations=3, dimensions=20)
    assert rule.minimum() == 3 * F + 1
    assert np.allclose(result(rule, values), values[sorted(kept)].mean(axis=0), atol=1e-6)
