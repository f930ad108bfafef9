"""One target for all rounds: the test of progress, and what adds up over simulated rounds."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

import attacks
from attacks.base import CraftView, Update
from attacks.geometry.change_space import ChangeSpace
from attacks.geometry.one_target import Effort, got_through
from attacks.poisoned_fl import magnitudes, random_signs
from frl.errors import InputError
from frl.ranking import rank
from tests.attacks import builders


@pytest.mark.parametrize("size", [50, 1000, 20_001])
def test_progress_is_more_agreement_than_99_of_100_random_vectors_have(size: int) -> None:
    signs = random_signs(3, size)
    least = int(binom.ppf(0.99, size, 0.5))
    margin = 1 + int(0.01 * np.sqrt(size))

    def moved(agreeing: int) -> np.ndarray:
        return np.where(np.arange(size) < agreeing, signs, -signs) * np.float32(0.3)

    assert not got_through(moved(least - margin), signs)
    assert got_through(moved(least + margin), signs)
    assert not got_through(np.zeros(size, np.float32), signs)


def test_the_factor_is_cut_only_while_pushes_do_not_get_through() -> None:
    effort = Effort(factor=8.0, decay=0.5, period=3)
    signs, state, factors = random_signs(1, 400), {}, []
    position = np.zeros(400, np.float32)
    for round_ in range(16):
        state = effort.adapted(position, signs, state)
        factors.append(float(state["factor"]))
        position = position + signs * np.float32(1 if 5 < round_ < 10 else -1)

    assert factors == [8.0] * 3 + [4.0] * 3 + [2.0] * 3 + [2.0] * 3 + [1.0] * 3 + [0.5]


def test_the_factor_stays_at_least_one_half() -> None:
    effort, state = Effort(1.0, 0.6, 1), {}
    for _ in range(5):
        state = effort.adapted(np.zeros(9, np.float32), np.ones(9, np.float32), state)

    assert float(state["factor"]) == pytest.approx(0.6)


def test_magnitudes_follow_what_honest_updates_moved() -> None:
    moved, sent = np.array([3.0, 0, -4], np.float32), np.array([0, 0, -2.0], np.float32)

    size = magnitudes(moved, sent)

    honest = np.array([3.0, 0, -4 + 5])
    np.testing.assert_allclose(size, np.abs(honest) * 5 / np.linalg.norm(honest), rtol=1e-6)
    np.testing.assert_allclose(magnitudes(moved, 0 * sent), [3, 0, 4], rtol=1e-6)
    assert not magnitudes(0 * moved, sent).any()


def weights(vector: np.ndarray) -> Update:
    return {"w": vector.astype(np.float32).reshape(20, 50)}


def test_poisoned_fl_by_its_formula_over_two_rounds() -> None:
    attack = attacks.make("poisoned_fl", factor=3.0)
    random = builders.rng(2)
    first, second = random.standard_normal((2, 1000))
    own = [weights(u) for u in random.standard_normal((3, 1000))]
    view = builders.weight_view(previous=weights(first), own=own)

    begun = attack.craft(view, 2, builders.rng())
    later = attack.craft(
        dataclasses.replace(view, previous=weights(second), state=begun.state), 2, builders.rng()
    )

    signs = random_signs(view.setting.seed, 1000)
    start = begun.updates[0]["w"].reshape(-1)
    mean = np.mean([u["w"].reshape(-1) for u in own], axis=0)
    np.testing.assert_allclose(start, 3 * np.abs(mean) * signs, rtol=1e-4)
    g = (second.astype(np.float32) - first.astype(np.float32)).astype(np.float64)
    v = np.abs(g - np.linalg.norm(g) * start / np.linalg.norm(start))
    expected = 3 * np.linalg.norm(g) * v / np.linalg.norm(v) * signs
    np.testing.assert_allclose(later.updates[1]["w"].reshape(-1), expected, rtol=1e-3, atol=1e-4)


def test_pushes_of_poisoned_fl_add_up_over_rounds() -> None:
    attack, state = attacks.make("poisoned_fl"), {}
    random, position = builders.rng(4), np.zeros(1000)
    for round_ in range(12):
        honest = random.standard_normal((10, 1000))
        view = builders.weight_view(
            previous=weights(position),
            own=[weights(u) for u in honest[:2]],
            state=state,
            setting=builders.setting(round=round_),
        )
        crafted = attack.craft(view, 2, builders.rng(round_))
        state = crafted.state
        sent = [u["w"].reshape(-1) for u in crafted.updates]
        position = position + np.mean([*honest[2:], *sent], axis=0)

    assert np.mean(np.sign(position) == random_signs(3, 1000)) > 0.95
    assert float(state["factor"]) == 8.0


SIZES = {"a": 300, "b": 200}


def ranked_views(rounds: int, target: str, votes_of: Any, **params: Any) -> list[Update]:
    """Global rankings over rounds in which 2 of 10 attack a sum of positions."""
    attack, state = attacks.make("fixed_target", target=target, **params), {}
    previous, seen = builders.rankings(1, 8, shapes=SIZES)[0], []
    for round_ in range(rounds):
        honest = votes_of(previous, round_)
        view: CraftView = builders.rank_view(
            previous=previous, own=honest[:2], state=state, sampled=10
        )
        crafted = attack.craft(view, 2, builders.rng(round_))
        state = crafted.state
        seen.append(previous)
        previous = builders.borda([*honest[2:], *crafted.updates])
    return [*seen, previous]


def learning(previous: Update, round_: int) -> list[Update]:
    """Votes that each move a little towards the order of the edges, and have noise of their own."""
    random = builders.rng(round_)
    return [
        {
            name: rank(
                (0.95 * q + 0.05 * np.arange(q.size) + random.normal(0, 5, q.size)).astype("f4")
            )
            for name, q in previous.items()
        }
        for _ in range(10)
    ]


def likeness(first: Update, second: Update) -> float:
    return float(np.corrcoef(first["a"], second["a"])[0, 1])


def test_going_back_to_the_first_ranking_undoes_what_is_learnt() -> None:
    learnt = {"a": np.arange(300, dtype=np.int32), "b": np.arange(200, dtype=np.int32)}

    attacked = ranked_views(25, "first", learning)
    weak = ranked_views(25, "first", learning, factor=0.001)

    assert likeness(weak[-1], learnt) > likeness(weak[0], learnt) + 0.4
    assert likeness(attacked[-1], learnt) < likeness(attacked[0], learnt) + 0.1


def wavering(previous: Update, round_: int) -> list[Update]:
    """Votes for the ranking as it is, but for noise."""
    random = builders.rng(round_)
    return [
        {name: rank((q + random.normal(0, 5, q.size)).astype("f4")) for name, q in previous.items()}
        for _ in range(10)
    ]


def test_a_random_target_is_the_same_in_every_round_and_is_approached() -> None:
    seen = ranked_views(20, "random", wavering)

    view = builders.rank_view(previous=seen[0], own=seen[1:3], sampled=10)
    state = attacks.make("fixed_target", target="random").craft(view, 1, builders.rng()).state
    target = {"a": state["target"][:300].astype(np.int32)}
    assert sorted(target["a"]) == list(range(300))
    assert likeness(seen[-1], target) > likeness(seen[8], target) > likeness(seen[0], target) + 0.3
    assert likeness(seen[-1], target) > 0.8


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_a_vote_towards_the_target_by_its_formula(factor: float) -> None:
    first, second = builders.rankings(2, 5, shapes=SIZES)
    own = builders.rankings(3, 6, shapes=SIZES)
    attack = attacks.make("fixed_target", factor=factor)
    view = builders.rank_view(previous=first, own=own, sampled=10)

    begun = attack.craft(view, 2, builders.rng())
    later = attack.craft(
        dataclasses.replace(view, previous=second, state=begun.state), 2, builders.rng()
    )

    for previous, sent, away in (
        (first, begun, -ChangeSpace(first).stacked(own).mean(0)),
        (second, later, ChangeSpace(second).stacked([first])[0]),
    ):
        rows = ChangeSpace(previous).stacked(own).astype(np.float64)
        length = factor * np.median(np.linalg.norm(rows, axis=1))
        push, at = length * away / np.linalg.norm(away), 0
        for name, q in previous.items():
            n = q.size
            value = q + push[at : at + n] / np.sqrt(3 / (n * (n**2 - 1)) / 2)
            at += n
            assert np.diff(value[np.argsort(sent.updates[0][name])]).min() > -1e-2
            np.testing.assert_array_equal(sent.updates[0][name], sent.updates[1][name])


@pytest.mark.parametrize("name", ["poisoned_fl", "fixed_target"])
@pytest.mark.parametrize("params", [{"factor": 0.0}, {"decay": 1.5}, {"period": 0}])
def test_parameters_out_of_range_are_refused(name: str, params: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=name):
        attacks.make(name, **params)
