"""Attacks on masks of several coats, which have as many boundaries to carry edges over."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import attacks
from attacks.base import Setting, Update
from frl.ranking import kept_edges
from tests.attacks import builders

N, COATS, COUNT = 40, 3, 3


def setting_of(mask_by: str, seed: int, keep: float = 0.5) -> Setting:
    scores = {"w": np.sort(builders.rng(seed).uniform(-1, 1, N)).astype(np.float32)}
    return builders.setting(mask_by=mask_by, keep=keep, coats=COATS, sorted_scores=scores)


def coats_of(setting: Setting, positions: np.ndarray) -> np.ndarray:
    """Coats as the definition has them, from a ranking's positions."""
    scores = setting.sorted_scores["w"][positions]
    order = np.argsort(np.abs(scores) if setting.mask_by == "abs" else scores)[::-1]
    kept = kept_edges(N, setting.keep)
    found = np.zeros(N, int)
    for i in range(1, setting.coats + 1):
        found[order[: int(np.ceil(kept * i / setting.coats))]] += 1
    return found


def voted(updates: list[Update], previous: np.ndarray) -> np.ndarray:
    total = sum(update["w"].astype(np.int64) for update in updates)
    positions = np.empty(N, np.int32)
    positions[np.lexsort((previous, total))] = np.arange(N)
    return positions


@pytest.mark.parametrize("mask_by", ["score", "abs"])
@pytest.mark.parametrize("seed", range(4))
def test_boundary_changes_more_coats_than_random_rankings_and_than_it_would_by_one_coat(
    mask_by: str, seed: int
) -> None:
    """By score than any of a thousand, by absolute score, with six boundaries, than 99 in 100."""
    setting = setting_of(mask_by, seed)
    benign = builders.rankings(12, seed, 0.6, {"w": N})
    view = builders.rank_view(setting=setting, previous=benign[0], own=benign[:1], benign=benign)
    previous = benign[0]["w"]

    def changed(sent: np.ndarray) -> int:
        after = voted([*benign, *[{"w": sent}] * COUNT], previous)
        clean = coats_of(setting, voted(benign, previous))
        return int((clean != coats_of(setting, after)).sum())

    attack = attacks.make("boundary", source="benign")
    sent = attack.craft(view, COUNT, builders.rng()).updates[0]["w"]

    random = builders.rng(seed)
    rivals = [changed(random.permutation(N).astype(np.int32)) for _ in range(1000)]
    assert changed(sent) >= np.quantile(rivals, 1.0 if mask_by == "score" else 0.99)
    unaware = dataclasses.replace(view, setting=dataclasses.replace(setting, coats=1))
    sent_unaware = attack.craft(unaware, COUNT, builders.rng()).updates[0]["w"]
    assert changed(sent) >= changed(sent_unaware)


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9])
def test_vem_changes_ranks_around_every_boundary_and_nowhere_else(keep: float) -> None:
    setting = setting_of("score", 0, keep)
    vote = {"w": builders.rng(1).permutation(N).astype(np.int32)}
    benign = [vote] * 60
    view = builders.rank_view(setting=setting, previous=vote, own=[vote], benign=benign, sampled=61)

    sent = attacks.make("vem", source="benign").craft(view, 1, builders.rng()).updates[0]["w"]

    total = 60 * vote["w"].astype(np.int64)
    starts = [N - int(np.ceil(kept_edges(N, keep) * i / COATS)) for i in (3, 2, 1)]
    near = [np.abs(total - 60 * min(N - 1, start)) <= N - 1 for start in starts]
    inside = np.logical_or.reduce(near)
    assert 0 < inside.sum() < N
    assert set(np.flatnonzero(sent != vote["w"])) <= set(np.flatnonzero(inside))
    order = np.argsort(total[inside])
    np.testing.assert_array_equal(sent[inside][order], np.sort(vote["w"][inside])[::-1])


def test_adaptive_counts_coats_and_not_only_the_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second query that only carries edges over the innermost boundary beats others."""
    setting = setting_of("score", 0)
    benign = builders.rankings(8, 0, 0.5, {"w": N})
    tried: list[int] = []
    clean = voted(benign, benign[0]["w"])
    swapped = np.where(clean >= N - 4, -4, np.where(clean >= N - 8, 4, 0))

    def rule(updates: Any) -> Update:
        ranks = voted(list(updates), benign[0]["w"])
        if len(updates) > len(benign):
            tried.append(1)
            if len(tried) == 2:
                return {"w": (voted(benign, benign[0]["w"]) + swapped).astype(np.int32)}
            return {"w": voted(benign, benign[0]["w"])}
        return {"w": ranks}

    view = builders.rank_view(setting=setting, previous=benign[0], own=benign[:1], benign=benign)
    view = dataclasses.replace(view, rule=rule)
    attack = attacks.make("adaptive", source="benign", queries=4)

    best = attack.craft(view, COUNT, builders.rng()).state["best"]

    np.testing.assert_array_equal(best, [0.5, 1, 1])


def test_the_mask_itself_has_the_bounds_of_its_widest_coat() -> None:
    for mask_by in ("score", "abs"):
        setting = setting_of(mask_by, 2, 0.4)
        alone = dataclasses.replace(setting, coats=1)
        assert setting.mask_bounds("w", N) == alone.boundaries("w", N)
        assert len(setting.boundaries("w", N)) == COATS * len(alone.boundaries("w", N))
