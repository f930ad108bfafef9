"""Attacks in weight space against closed forms, definitions and grids."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attacks
from attacks.alie import alie_z
from attacks.base import Update
from attacks.dyn_krum import simulated_distances
from attacks.dyn_opt import largest_accepted
from attacks.geometry.distance_budget import largest_step, spread
from attacks.geometry.weight_space import deviation, stacked, unstacked
from frl.errors import InputError
from tests.attacks import builders


def flat(update: Update) -> np.ndarray:
    return np.concatenate([update[name].reshape(-1) for name in update]).astype(np.float64)


def crafted(name: str, view: Any, count: int = 3, **params: Any) -> np.ndarray:
    return flat(attacks.make(name, **params).craft(view, count, builders.rng(1)).updates[0])


def benign_rows(view: Any) -> np.ndarray:
    return np.stack([flat(u) for u in view.benign])


def test_layers_survive_stacking() -> None:
    updates = builders.differences(3)

    rows = stacked(updates)
    back = unstacked(rows[1], updates[0])

    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows[2], flat(updates[2]))
    for name in updates[1]:
        np.testing.assert_array_equal(back[name], updates[1][name])


def test_attacks_on_ones_own_update() -> None:
    own = builders.differences(1)[0]
    view = builders.tamper_view(own)

    def sent(name: str, **params: Any) -> np.ndarray:
        return flat(attacks.make(name, **params).tamper(own, view, builders.rng(1)))

    np.testing.assert_allclose(sent("sign_flip", strength=2.0), -2 * flat(own), rtol=1e-6)
    np.testing.assert_allclose(sent("scaled", factor=7.0), 7 * flat(own), rtol=1e-6)
    np.testing.assert_allclose(sent("model_replacement"), 10 * flat(own), rtol=1e-6)
    np.testing.assert_allclose(sent("model_replacement", scale=3.0), 3 * flat(own), rtol=1e-6)


def test_gaussian_noise_has_the_size_it_is_given() -> None:
    own = {"w": builders.rng(1).normal(1.0, 3.0, 50_000).astype(np.float32)}

    sent = attacks.make("gaussian", strength=2.0).tamper(
        own, builders.tamper_view(own), builders.rng(2)
    )["w"]

    assert sent.std() == pytest.approx(2 * math.sqrt(10), rel=0.02)
    assert abs(sent.mean()) < 0.1
    assert abs(np.corrcoef(sent, own["w"])[0, 1]) < 0.02


@pytest.mark.parametrize(
    ("mode", "kinds"), [("nan", "n"), ("inf", "+"), ("-inf", "-"), ("mixed", "n+-")]
)
def test_infinite_ruins_exactly_the_share_it_is_given(mode: str, kinds: str) -> None:
    own = {"w": np.ones((40, 5), np.float32), "b": np.ones(3, np.float32)}
    attack = attacks.make("infinite", mode=mode, share=0.1)

    sent = attack.tamper(own, builders.tamper_view(own), builders.rng(2))

    found = {"n": np.isnan(sent["w"]), "+": np.isposinf(sent["w"]), "-": np.isneginf(sent["w"])}
    assert {kind for kind, where in found.items() if where.any()} == set(kinds)
    assert sum(where.sum() for where in found.values()) == 20
    assert (sent["w"] == 1).sum() == 180
    assert (~np.isfinite(sent["b"])).sum() == 1


@pytest.mark.parametrize("source", ["colluders", "benign"])
def test_ipm_is_the_scaled_negative_mean(source: str) -> None:
    view = builders.weight_view()
    known = view.benign if source == "benign" else view.own

    sent = crafted("ipm", view, source=source, epsilon=0.7)

    np.testing.assert_allclose(sent, -0.7 * np.mean([flat(u) for u in known], axis=0), rtol=1e-5)


def test_ipm_turns_a_mean_round_above_the_stated_scale() -> None:
    view = builders.weight_view()
    rows = benign_rows(view)
    for epsilon, sign in ((7 / 3 + 0.1, -1), (7 / 3 - 0.1, 1)):
        sent = crafted("ipm", view, source="benign", epsilon=epsilon)
        total = np.vstack([rows, np.tile(sent, (3, 1))]).mean(axis=0)
        assert np.sign(total @ rows.mean(axis=0)) == sign


def test_alie_z_is_the_quantile_of_the_paper() -> None:
    # n = 50, m = 24: s = 2, Phi(z) = 24/26; n = 25, m = 5: s = 8, Phi(z) = 12/20.
    for n, m, share in ((50, 24, 24 / 26), (25, 5, 12 / 20), (10, 9, 0.0)):
        z = alie_z(n, m)
        if share:
            assert 0.5 * (1 + math.erf(z / math.sqrt(2))) == pytest.approx(share, abs=1e-9)
        else:
            assert z == 0.0
    assert alie_z(50, 24) == pytest.approx(1.4261, abs=1e-3)


def test_alie_shifts_the_mean_by_z_deviations() -> None:
    view = builders.weight_view()
    rows = benign_rows(view)

    by_formula = crafted("alie", view, source="benign")
    given_z = crafted("alie", view, source="benign", z=2.5)

    expected = rows.mean(0) - alie_z(10, 3) * rows.std(0)
    np.testing.assert_allclose(by_formula, expected, atol=1e-5)
    np.testing.assert_allclose(given_z, rows.mean(0) - 2.5 * rows.std(0), atol=1e-5)


@pytest.mark.parametrize("direction", ["std", "unit", "sign"])
@pytest.mark.parametrize("source", ["benign", "colluders"])
def test_min_max_spends_its_budget_to_the_end(direction: str, source: str) -> None:
    view = builders.weight_view()
    known = view.benign if source == "benign" else view.own
    rows = np.stack([flat(u) for u in known])

    sent = crafted("min_max", view, source=source, direction=direction)

    between = max(np.linalg.norm(a - b) for a in rows for b in rows)
    assert max(np.linalg.norm(sent - row) for row in rows) == pytest.approx(between, rel=1e-4)
    assert (sent - rows.mean(0)) @ rows.mean(0) < 0


@pytest.mark.parametrize("direction", ["std", "unit", "sign"])
@pytest.mark.parametrize("source", ["benign", "colluders"])
def test_min_sum_spends_its_budget_to_the_end(direction: str, source: str) -> None:
    view = builders.weight_view()
    known = view.benign if source == "benign" else view.own
    rows = np.stack([flat(u) for u in known])

    sent = crafted("min_sum", view, source=source, direction=direction)

    budget = max(sum(np.sum((a - b) ** 2) for b in rows) for a in rows)
    assert sum(np.sum((sent - row) ** 2) for row in rows) == pytest.approx(budget, rel=1e-4)


def test_directions_are_those_of_the_paper() -> None:
    rows = stacked(builders.differences(5))
    mean = rows.mean(axis=0)

    np.testing.assert_allclose(deviation(rows, mean, "std"), -rows.std(0))
    np.testing.assert_array_equal(deviation(rows, mean, "sign"), -np.sign(mean))
    unit = deviation(rows, mean, "unit")
    assert np.linalg.norm(unit) == pytest.approx(1.0, rel=1e-5)
    assert unit @ mean == pytest.approx(-np.linalg.norm(mean), rel=1e-5)


def test_one_known_update_is_sent_as_it_is_where_there_is_no_budget() -> None:
    view = builders.weight_view(own=builders.differences(1), benign=None)

    for name in ("min_max", "min_sum", "alie", "dyn_krum", "dyn_opt"):
        np.testing.assert_allclose(crafted(name, view), flat(view.own[0]), rtol=1e-5)


@given(st.floats(0, 10), st.floats(-10, 10), st.floats(0.01, 10), st.floats(0, 100))
@settings(max_examples=200, deadline=None)
def test_the_largest_step_is_the_last_root(c: float, b: float, a: float, budget: float) -> None:
    step = largest_step(c, b, a, budget)

    def value(g: float) -> float:
        return c + b * g + a * g * g

    assert step >= 0
    if step > 0:
        assert value(step) == pytest.approx(budget, abs=1e-6 * (1 + abs(budget) + c + b * b / a))
    assert all(value(step + extra) > budget - 1e-6 * (1 + c) for extra in (0.01, 1.0, 100.0))


def test_fang_lies_outside_on_the_far_side() -> None:
    view = builders.weight_view(benign=builders.differences(7, seed=2, shift=0.0))
    rows = benign_rows(view)

    updates = attacks.make("fang", source="benign").craft(view, 3, builders.rng(1)).updates

    mean, deviations = rows.mean(0), rows.std(0)
    steps = np.stack([-(flat(u) - mean) * np.sign(mean) / deviations for u in updates])
    assert steps.min() >= 3 - 1e-4
    assert steps.max() <= 4 + 1e-4
    assert steps.std() > 0.2
    assert not np.array_equal(steps[0], steps[1])


def test_mimic_copies_the_client_farthest_along_the_direction_of_largest_variance() -> None:
    random = builders.rng(5)
    loud = random.standard_normal(30).astype(np.float32)
    loud /= np.linalg.norm(loud)
    attack = attacks.make("mimic")
    state: Any = {}
    for round in range(20):
        pulls = random.normal(0, 5, 8)
        known = [
            {"w": (pull * loud + 0.3 * random.standard_normal(30)).astype(np.float32)}
            for pull in pulls
        ]
        view = builders.weight_view(previous=known[0], own=known[:1], benign=known, state=state)
        updates, state = attack.craft(view, 2, builders.rng(round))

    assert abs(state["direction"] @ loud) > 0.98
    assert int(state["rounds"]) == 20
    matches = [np.array_equal(updates[0]["w"], u["w"]) for u in known]
    away = np.abs(np.stack([u["w"] for u in known]) @ loud - state["mean"] @ loud)
    assert matches.index(True) == int(np.argmax(away))
    np.testing.assert_array_equal(updates[0]["w"], updates[1]["w"])


# --- searches -----------------------------------------------------------------------------


def median_rule(updates: Any) -> Update:
    return {
        name: np.median([u[name] for u in updates], axis=0).astype(np.float32)
        for name in updates[0]
    }


def clipping_rule(updates: Any) -> Update:
    """Mean of the updates no longer than 1.5 times the median length."""
    sizes = np.array([np.linalg.norm(flat(u)) for u in updates])
    near = [u for u, s in zip(updates, sizes, strict=True) if s <= 1.5 * np.median(sizes)]
    return builders.mean_rule(near)


@pytest.mark.parametrize("rule", [median_rule, clipping_rule])
@pytest.mark.parametrize("direction", ["std", "unit", "sign"])
def test_dyn_opt_finds_the_largest_push_that_is_accepted(rule: Any, direction: str) -> None:
    view = builders.weight_view(rule=rule)
    mean = benign_rows(view).mean(0)
    push = deviation(stacked(view.benign), stacked(view.benign).mean(0), direction)  # type: ignore[arg-type]
    push = push.astype(np.float64)

    sent = crafted("dyn_opt", view, source="benign", direction=direction, tolerance=0.001)

    def accepted(step: float) -> bool:
        def moved(at: float) -> float:
            bad = unstacked((mean + at * push).astype(np.float32), view.benign[0])
            return float(flat(rule([*view.benign, *[bad] * 3])) @ push) / float(push @ push)

        return moved(step) - moved(0.0) >= 0.5 * step * 3 / 10

    chosen = float((sent - mean) @ push) / float(push @ push)
    grid = np.geomspace(0.01, 1000, 400)
    largest = max(step for step in grid if accepted(step))
    assert chosen == pytest.approx(largest, rel=0.035)


def test_dyn_opt_goes_to_the_limit_against_a_plain_mean() -> None:
    view = builders.weight_view()
    mean, push = benign_rows(view).mean(0), -benign_rows(view).std(0)

    sent = crafted("dyn_opt", view, source="benign", limit=77.0)

    assert (sent - mean) @ push / (push @ push) == pytest.approx(77.0, rel=1e-4)


def test_dyn_opt_needs_the_rule() -> None:
    with pytest.raises(InputError, match="rule"):
        crafted("dyn_opt", builders.weight_view(rule=None))


@given(st.floats(1e-3, 500), st.floats(1e-4, 0.1))
@settings(max_examples=100, deadline=None)
def test_bisection_ends_within_its_tolerance(edge: float, tolerance: float) -> None:
    tried = []

    def accepts(step: float) -> bool:
        tried.append(step)
        return step <= edge

    found = largest_accepted(accepts, 500.0, tolerance)

    assert found <= edge
    assert found * (1 + tolerance) >= edge - 500 * 1e-6
    assert len(tried) < 40
    assert largest_accepted(lambda step: step <= 0, 500.0, tolerance) == 0.0


def multi_krum(rows: np.ndarray, f: int) -> set[int]:
    """Indices of the n - f updates of lowest Krum score, by definition."""
    n = len(rows)
    scores = []
    for i in range(n):
        others = sorted(float(np.sum((rows[i] - rows[j]) ** 2)) for j in range(n) if j != i)
        scores.append(sum(others[: max(1, n - f - 2)]))
    return set(np.argsort(scores, kind="stable")[: n - f].tolist())


@pytest.mark.parametrize("f", [None, 1, 4])
@pytest.mark.parametrize("direction", ["std", "unit", "sign"])
def test_dyn_krum_finds_the_largest_push_with_all_copies_selected(f: Any, direction: str) -> None:
    count, view = 3, builders.weight_view(benign=builders.differences(9, seed=2))
    rows = benign_rows(view)
    mean = rows.mean(0)
    push = deviation(stacked(view.benign), stacked(view.benign).mean(0), direction)  # type: ignore[arg-type]
    push = push.astype(np.float64)
    assumed = count if f is None else f

    sent = crafted("dyn_krum", view, count, source="benign", f=f, direction=direction)

    def accepted(step: float) -> bool:
        chosen = multi_krum(np.vstack([rows, np.tile(mean + step * push, (count, 1))]), assumed)
        return {9, 10, 11} <= chosen

    found = float((sent - mean) @ push) / float(push @ push)
    grid = np.linspace(0, 40, 2001)
    largest = max(step for step in grid if accepted(step))
    assert found == pytest.approx(largest, rel=0.002, abs=0.025)
    assert largest < 39


def test_simulated_distances_are_those_of_the_vectors() -> None:
    view = builders.weight_view()
    rows = stacked(view.benign)
    mean = rows.mean(0)
    push = -rows.std(0)
    bad = mean + 1.7 * push
    every = np.vstack([rows, bad, bad]).astype(np.float64)

    table = simulated_distances(spread(rows, mean, push), 1.7, len(rows), 2)

    expected = ((every[:, None] - every[None]) ** 2).sum(-1)
    np.testing.assert_allclose(table, expected, rtol=1e-4, atol=1e-3)


def test_stand_ins_for_one_update_do_not_coincide() -> None:
    rows = stacked(builders.differences(3))

    table = simulated_distances(spread(rows, rows.mean(0), -rows.std(0)), 0.0, 6, 1)

    assert table[0, 0] == 0
    assert table[0, 3] == pytest.approx((table[0, 1] + table[0, 2]) / 2)
    np.testing.assert_array_equal(table, table.T)


def test_mimic_takes_one_step_of_ojas_rule_a_round() -> None:
    view = builders.weight_view(
        state={
            "direction": np.full(71, 0.1, np.float32),
            "mean": np.full(71, 0.5, np.float32),
            "rounds": np.asarray(3),
        }
    )
    rows = benign_rows(view)

    state = attacks.make("mimic").craft(view, 1, builders.rng()).state

    mean = (3 * 0.5 + rows.mean(0)) / 4
    pull = sum((row - mean) * float((row - mean) @ np.full(71, 0.1)) for row in rows)
    direction = 3 * np.full(71, 0.1) + pull
    np.testing.assert_allclose(state["mean"], mean, rtol=1e-5)
    np.testing.assert_allclose(state["direction"], direction / np.linalg.norm(direction), atol=1e-5)
