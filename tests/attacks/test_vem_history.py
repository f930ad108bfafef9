"""VEM that judges benign votes by past global rankings."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import attacks
from attacks.base import CraftView, Knowledge
from attacks.vem import trend, vulnerable
from frl.ranking import kept_edges
from tests.attacks import builders

SIZES = {"a": 30, "b": 11}


def view_of(seed: int, **changes: object) -> CraftView:
    previous = builders.rankings(1, seed, shapes=SIZES)[0]
    own = builders.rankings(3, seed + 50, shapes=SIZES)
    return builders.rank_view(previous=previous, own=own, benign=None, **changes)


def test_without_memory_it_is_the_attack_on_what_colluders_know() -> None:
    view = view_of(1)

    past = attacks.make("vem", source="history", memory=0.0).craft(view, 2, builders.rng())
    now = attacks.make("vem").craft(view, 2, builders.rng())

    for a, b in zip(past.updates, now.updates, strict=True):
        for name in SIZES:
            np.testing.assert_array_equal(a[name], b[name])
    assert Knowledge.BENIGN not in attacks.make("vem", source="history").needs()


def test_the_trend_halves_with_every_round() -> None:
    first, second, third = (view_of(seed).previous for seed in (1, 2, 3))

    state = trend(third, trend(second, trend(first, {})))

    for name in SIZES:
        expected = ((third[name] - second[name]) + (second[name] - first[name]) / 2) / 2
        np.testing.assert_allclose(state[f"trend/{name}"], expected)
        np.testing.assert_array_equal(state[f"last/{name}"], third[name])


@pytest.mark.parametrize("memory", [0.3, 1.0])
def test_the_window_is_that_of_the_sum_foreseen(memory: float) -> None:
    attack = attacks.make("vem", source="history", memory=memory)
    before, now = view_of(1), view_of(2)
    state = attack.craft(before, 2, builders.rng()).state

    sent = attack.craft(dataclasses.replace(now, state=state), 2, builders.rng()).updates

    for name, n in SIZES.items():
        own = np.sum([vote[name] for vote in now.own], axis=0)
        moved = (now.previous[name] - before.previous[name]) / 2
        total = (1 - memory) * own + memory * 3 * (now.previous[name] + moved)
        total = np.rint(total).astype(np.int64)
        order = np.lexsort((now.previous[name], total))
        benign = total[order] * (10 - 2) / 3
        at = benign[n - kept_edges(n, now.setting.keep)]
        inside = np.abs(benign - at) <= 2 * (n - 1)
        assert inside[vulnerable(benign, now.setting.keep, 2)].all()
        edges = order[inside]
        for vote, crafted in zip(now.own, sent, strict=False):
            expected = vote[name].copy()
            expected[edges] = np.sort(vote[name][edges])[::-1]
            np.testing.assert_array_equal(crafted[name], expected)
