"""Evasion: the direction, length and harm that it says, on rankings large enough to have them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import attacks
from attacks.base import CraftView, Update
from attacks.geometry.change_space import ChangeSpace
from attacks.geometry.harm import across_boundary, undoing
from frl.errors import InputError
from frl.ranking import rank, top_mask
from tests.attacks import builders

SIZES = {"a": 400, "b": 1500}
HARMS = ["undo", "boundary", "random", "reverse"]


def moved_a_little(start: Update, count: int, seed: int) -> list[Update]:
    """Honest votes: a common move and noise of their own, both short."""
    random = builders.rng(seed)
    shared = {name: random.standard_normal(q.size) for name, q in start.items()}
    return [
        {
            name: rank(
                (q / q.size + 0.05 * (shared[name] + random.standard_normal(q.size))).astype("f4")
            )
            for name, q in start.items()
        }
        for _ in range(count)
    ]


def view_of(round_: int = 2, **changes: Any) -> CraftView:
    previous = builders.rankings(1, 20 + round_, shapes=SIZES)[0]
    votes = moved_a_little(previous, 12, 5)
    known = {"previous": previous, "own": votes[:5], "benign": votes[5:], "sampled": 25}
    return builders.rank_view(**{**known, **changes})


def crafted(view: CraftView, count: int = 4, **params: Any) -> np.ndarray:
    sent = attacks.make("evasion", **params).craft(view, count, builders.rng(1))
    return ChangeSpace(view.previous).stacked(list(sent.updates))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def seen_before(view: CraftView) -> CraftView:
    (first,) = moved_a_little(view.previous, 1, 77)
    state = {"first": np.concatenate(list(first.values())).astype(np.float32)}
    return dataclasses.replace(view, state=state)


@pytest.mark.parametrize("source", ["colluders", "benign"])
@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize(
    ("wanted", "length", "diversity"), [(0.15, 1.0, 0.0), (0.3, 1.5, 0.4), (-0.2, 0.7, 0.0)]
)
def test_votes_have_the_cosine_and_the_length_asked_for(
    harm: str, source: str, wanted: float, length: float, diversity: float
) -> None:
    view = seen_before(view_of())
    rows = ChangeSpace(view.previous).stacked(
        list(view.own if source == "colluders" else view.benign or ())
    )

    sent = crafted(
        view, harm=harm, cosine=wanted, length=length, diversity=diversity, source=source
    )

    typical = length * np.median(np.linalg.norm(rows, axis=1))
    for change in sent:
        assert cosine(change, rows.mean(0)) == pytest.approx(wanted, abs=0.03)
        assert np.linalg.norm(change) == pytest.approx(typical, rel=0.03)


def test_undoing_mirrors_as_many_edges_as_the_length_pays_for() -> None:
    now, later = view_of(2), view_of(3)
    chosen = []
    for view in (now, later):
        changes = ChangeSpace(view.previous)
        moves = undoing(changes, view.setting.seed, 0.2)
        assert np.linalg.norm(moves) == pytest.approx(0.2, rel=0.15)
        at = 0
        for name, q in view.previous.items():
            moved = moves[at : at + q.size] / changes.scale(name)
            at += q.size
            mirrored = np.flatnonzero(moved)
            assert len(mirrored) == pytest.approx(0.04 * q.size, abs=1)
            np.testing.assert_allclose(moved[mirrored], q.size - 1 - 2 * q[mirrored], atol=0.01)
        chosen.append(set(np.flatnonzero(moves)))

    assert chosen[0] == chosen[1]
    assert cosine(crafted(now, harm="undo", cosine=0.0, length=2.0)[0], moves_of(now)) > 0.7


def moves_of(view: CraftView) -> np.ndarray:
    """What undoing moves at twice the honest length."""
    changes = ChangeSpace(view.previous)
    rows = changes.stacked(list(view.own))
    length = 2 * float(np.median(np.linalg.norm(rows, axis=1)))
    return undoing(changes, view.setting.seed, length)


def test_reversing_moves_edges_back_to_where_they_were_first() -> None:
    view = seen_before(view_of())
    changes = ChangeSpace(view.previous)
    ends = np.cumsum([q.size for q in view.previous.values()])[:-1]
    pieces = np.split(view.state["first"], ends)
    first = dict(zip(view.previous, [p.astype(np.int32) for p in pieces], strict=True))

    change = crafted(view, harm="reverse", cosine=0.0)[0]
    attack = attacks.make("evasion", harm="reverse")
    begun = attack.craft(dataclasses.replace(view, state={}), 1, builders.rng())

    assert cosine(change, changes.stacked([first])[0]) > 0.95
    np.testing.assert_array_equal(begun.state["first"], np.concatenate([*view.previous.values()]))
    later = attack.craft(dataclasses.replace(view_of(3), state=begun.state), 1, builders.rng())
    np.testing.assert_array_equal(later.state["first"], begun.state["first"])


def test_random_harm_is_each_colluders_own_and_the_same_in_every_round() -> None:
    now, later = view_of(2), view_of(3)

    first, second = crafted(now, harm="random"), crafted(later, harm="random")

    between = [cosine(first[0], other) for other in first[1:]]
    assert max(map(abs, between)) < 0.15
    assert all(cosine(a, b) > 0.7 for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("diversity", [0.0, 0.3, 1.0])
def test_diversity_is_the_share_that_colluders_do_not_have_in_common(diversity: float) -> None:
    sent = crafted(view_of(), harm="boundary", cosine=0.0, diversity=diversity)

    common = np.mean([cosine(sent[i], sent[j]) for i in range(4) for j in range(i)])
    # Honest noise is taken off the mean of five, which leaves -1/4 between two.
    assert common == pytest.approx(1 - diversity - diversity / 4, abs=0.06)


@pytest.mark.parametrize("mask_by", ["score", "abs"])
def test_boundary_harm_carries_the_edges_nearest_to_the_boundary_over(mask_by: str) -> None:
    scores = {
        name: np.sort(builders.rng(n).uniform(-1, 1, n).astype(np.float32))
        for name, n in SIZES.items()
    }
    setting = builders.setting(mask_by=mask_by, keep=0.4, sorted_scores=scores)
    view = view_of(setting=setting)
    changes = ChangeSpace(view.previous)
    mean = changes.stacked(list(view.own)).mean(axis=0)
    expected = changes.ranking(mean)

    moves = across_boundary(changes, setting, mean, 0.1, 4.0)

    assert np.linalg.norm(moves) == pytest.approx(0.1, rel=0.05)
    at = 0
    for name, ranks in expected.items():
        n = ranks.size
        moved = moves[at : at + n] / changes.scale(name)
        at += n
        size = np.abs(scores[name][ranks])
        inside = top_mask(ranks, 0.4) if mask_by == "score" else top_mask(rank(size), 0.4)
        # One lone vote per four honest ones that stay put carries an edge over if it moves it
        # four times as far; with exactly that the edge ends at the boundary.
        landed = ranks + moved / 4
        edges = np.flatnonzero(np.diff(inside[np.argsort(ranks)])) + 0.5
        gap = np.abs(ranks[:, None] - edges[None]).min(1)
        near = moved != 0
        assert 0.02 * n < near.sum() < 0.6 * n
        assert gap[near].max() <= gap[~near].min()
        np.testing.assert_allclose(np.abs(landed[near][:, None] - edges[None]).min(1), 0, atol=1e-2)


def test_a_mask_of_all_edges_has_no_boundary_to_attack() -> None:
    view = view_of(setting=builders.setting(keep=1.0))

    sent = crafted(view, harm="boundary", cosine=0.3)

    mean = ChangeSpace(view.previous).stacked(list(view.own)).mean(axis=0)
    assert cosine(sent[0], mean) > 0.95


@pytest.mark.parametrize(
    "params", [{"cosine": 1.1}, {"length": -1.0}, {"diversity": 2.0}, {"harm": "none"}]
)
def test_parameters_out_of_range_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="evasion"):
        attacks.make("evasion", **params)
