"""Rules that clip, weigh or admit clients, against closed forms and planted attackers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from strategies.rules import Rule, RuleContext, make
from strategies.rules.foolsgold import sketch

N, D = 9, 50
VALUES = np.random.default_rng(0).standard_normal((N, D)).astype(np.float32)


def result(rule: Rule, values: np.ndarray = VALUES) -> np.ndarray:
    return rule(torch.from_numpy(values)).numpy()


def clip(values: np.ndarray, bound: float) -> np.ndarray:
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return values * np.minimum(1, bound / lengths)


def test_norm_bounding() -> None:
    assert np.allclose(result(make("norm_bounding", bound=2.0)), clip(VALUES, 2).mean(axis=0))
    median = np.median(np.linalg.norm(VALUES, axis=1))
    assert np.allclose(result(make("norm_bounding")), clip(VALUES, median).mean(axis=0), atol=1e-6)


def test_centered_clipping_goes_on_from_the_last_aggregate() -> None:
    rule = make("centered_clipping", tau=5.0, iterations=3)
    centre, state = np.zeros(D), rule.initial_state()
    context = RuleContext(tuple(range(N)), (D,))
    for shift in (0, 3, -1):
        for _ in range(3):
            centre = centre + clip(VALUES + shift - centre, 5).mean(axis=0)
        vector, state, *_ = rule.aggregate(
            torch.from_numpy(VALUES + np.float32(shift)), context, state
        )
        assert np.allclose(vector, centre, atol=1e-5)


def test_fltrust() -> None:
    root = VALUES[0] + VALUES[1]
    context = RuleContext(tuple(range(N)), (D,), root=torch.from_numpy(root))
    got = make("fltrust").aggregate(torch.from_numpy(VALUES), context, {}).vector
    lengths = np.linalg.norm(VALUES, axis=1)
    trust = np.maximum(0, VALUES @ root / lengths / np.linalg.norm(root))
    scaled = VALUES * (np.linalg.norm(root) / lengths)[:, None]
    assert (trust == 0).any()
    assert np.allclose(got, trust @ scaled / trust.sum(), atol=1e-5)


def test_fltrust_moves_nothing_if_nobody_agrees() -> None:
    root = torch.ones(D)
    context = RuleContext((0, 1), (D,), root=root)
    against = torch.stack([-root, torch.zeros(D)])
    assert make("fltrust").aggregate(against, context, {}).vector.count_nonzero() == 0


def foolsgold_weights(histories: np.ndarray) -> np.ndarray:
    n = len(histories)
    unit = histories / np.linalg.norm(histories, axis=1, keepdims=True)
    similarity = unit @ unit.T
    closest = [max(0, *(similarity[i, k] for k in range(n) if k != i)) for i in range(n)]
    weights = np.zeros(n)
    for i in range(n):
        damped = []
        for k in range(n):
            if k != i:
                pardon = closest[i] / closest[k] if closest[k] > closest[i] else 1
                damped.append(similarity[i, k] * pardon)
        weights[i] = np.clip(1 - max(damped), 0, 1)
    weights = np.minimum(weights / weights.max(), 0.99)
    with np.errstate(divide="ignore"):
        return np.clip(np.log(weights / (1 - weights)) + 0.5, 0, 1)


def test_foolsgold_remembers_clients_over_rounds() -> None:
    rule = make("foolsgold")
    random = np.random.default_rng(1)
    common = random.standard_normal(D)
    histories: dict[int, np.ndarray] = {}
    state = rule.initial_state()
    for number, clients in enumerate([(1, 4, 6, 8), (0, 4, 6, 9), (1, 6, 8, 9)], start=1):
        drift = np.outer(clients, common) / 6
        values = (random.standard_normal((4, D)) + drift).astype(np.float32)
        for client, row in zip(clients, values, strict=True):
            histories[client] = histories.get(client, np.zeros(D)) + row
        weights = foolsgold_weights(np.stack([histories[client] for client in clients]))
        context = RuleContext(clients, (D,), round=number, seed=2)
        vector, state, *_ = rule.aggregate(torch.from_numpy(values), context, state)
        assert np.allclose(vector, weights @ values / weights.sum(), atol=1e-4)
        assert np.allclose(weights, foolsgold_weights(values), atol=0.05) == (number == 1)
    assert state["clients"].tolist() == [0, 1, 4, 6, 8, 9]


def test_foolsgold_silences_sybils() -> None:
    values = VALUES.copy()
    values[[2, 5, 8]] = values[2]
    weights = np.linalg.lstsq(values.T, result(make("foolsgold"), values), rcond=None)[0]
    assert np.allclose(weights[[2, 5, 8]], 0, atol=1e-6)
    assert (weights[[0, 1, 3, 4, 6, 7]] > 0.1).all()


@pytest.mark.parametrize("d", [50_000, 40_961])
def test_sketch_preserves_cosines(d: int) -> None:
    random = np.random.default_rng(0)
    values = random.standard_normal((4, d)) + random.standard_normal(d)
    small = sketch(torch.from_numpy(values.astype(np.float32)), 4096, seed=3).numpy()
    assert small.shape == (4, 4096)
    assert np.allclose(np.corrcoef(small), np.corrcoef(values), atol=0.08)


def test_sketch_is_exact_where_nothing_is_compressed() -> None:
    small = sketch(torch.from_numpy(VALUES), 64, seed=3).numpy()
    assert np.allclose(small @ small.T, VALUES @ VALUES.T, atol=1e-4)


def planted(seed: int) -> np.ndarray:
    """Seven clients around one direction, four around the opposite of it."""
    random = np.random.default_rng(seed)
    direction = random.standard_normal(400)
    values = direction + 0.5 * random.standard_normal((11, 400))
    values[7:] *= -1
    return values.astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_flame_averages_the_main_cluster_clipped(seed: int) -> None:
    values = planted(seed)
    values[3] *= 5
    median = np.median(np.linalg.norm(values, axis=1))
    got = result(make("flame", noise=0.0), values)
    weights = np.linalg.lstsq(clip(values, median).T, got, rcond=None)[0]
    admitted = np.flatnonzero(weights > 1e-3)
    assert set(admitted) <= set(range(7))
    assert len(admitted) >= 11 // 2 + 1
    assert np.allclose(got, clip(values[admitted], median).mean(axis=0), atol=1e-5)


def test_flame_noise_is_relative_to_the_median_norm() -> None:
    values = planted(0)
    quiet = result(make("flame", noise=0.0), values)
    noise = result(make("flame", noise=0.01), values) - quiet
    median = np.median(np.linalg.norm(values, axis=1))
    assert noise.std() == pytest.approx(0.01 * median, rel=0.15)
    assert abs(noise.mean()) < 0.002 * median


@pytest.mark.parametrize("seed", range(3))
def test_signguard_drops_odd_signs_and_odd_norms(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = (0.5 + random.standard_normal((11, 3000))).astype(np.float32)
    values[0] *= 100
    values[1] *= 0.01
    values[9:] *= -1
    median = np.median(np.linalg.norm(values, axis=1))
    expected = clip(values[2:9], median).mean(axis=0)
    assert np.allclose(result(make("signguard"), values), expected, atol=1e-5)
