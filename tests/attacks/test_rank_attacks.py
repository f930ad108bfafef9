"""Attacks in rank space against exhaustive search and closed forms."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attacks
from attacks.adaptive import Adaptive
from attacks.base import Update
from attacks.geometry.consensus import ascending, summed
from attacks.vem import VEM, reversed_within, vulnerable
from frl.errors import InputError
from frl.ranking import rank, top_mask
from tests.attacks import builders


def one_layer(votes: Any) -> list[Update]:
    return [{"w": np.asarray(vote, np.int32)} for vote in votes]


def votes_of(count: int, n: int, seed: int, noise: float = 1.0) -> list[Update]:
    return builders.rankings(count, seed, noise, {"w": n})


def voted(updates: Any, previous: np.ndarray) -> np.ndarray:
    """The server's new positions: sum of ranks, ties by the previous ranking."""
    total = sum(u["w"].astype(np.int64) for u in updates)
    positions = np.empty(total.size, np.int32)
    positions[np.lexsort((previous, total))] = np.arange(total.size)
    return positions


def flips(benign: Any, crafted: np.ndarray, count: int, previous: np.ndarray, masked: Any) -> int:
    before = masked(voted(benign, previous))
    after = masked(voted([*benign, *one_layer([crafted] * count)], previous))
    return int((before != after).sum())


@pytest.mark.parametrize("n", [2, 5, 7])
@pytest.mark.parametrize("seed", range(3))
def test_reversal_is_the_permutation_least_like_the_sum(n: int, seed: int) -> None:
    own = votes_of(3, n, seed)
    view = builders.rank_view(previous=own[0], own=own)
    total = sum(u["w"].astype(np.int64) for u in own)

    (sent,) = attacks.make("reversal").craft(view, 1, builders.rng()).updates

    least = min(int(np.dot(p, total)) for p in permutations(range(n)))
    assert int(np.dot(sent["w"], total)) == least


def test_reversal_breaks_ties_by_the_previous_ranking() -> None:
    own = one_layer([[0, 1, 2, 3], [1, 0, 3, 2]])
    view = builders.rank_view(previous=one_layer([[2, 3, 1, 0]])[0], own=own)

    sent = attacks.make("reversal").craft(view, 2, builders.rng()).updates

    np.testing.assert_array_equal(sent[0]["w"], [3, 2, 0, 1])
    assert sent[0] is sent[1]


def test_sums_beyond_32_bits_are_sorted_too() -> None:
    total = np.array([2**33, 5, 2**40, 5], np.int64)
    previous = np.array([0, 3, 1, 2], np.int32)

    np.testing.assert_array_equal(ascending(total, previous), [3, 1, 0, 2])


def test_half_swap_exchanges_the_halves() -> None:
    for n, expected in ((6, [3, 4, 5, 0, 1, 2]), (5, [3, 4, 0, 1, 2])):
        own = one_layer([np.arange(n)])
        view = builders.rank_view(previous=own[0], own=own)

        (sent,) = attacks.make("half_swap").craft(view, 1, builders.rng()).updates

        np.testing.assert_array_equal(sent["w"], expected)


def test_attacks_on_ones_own_ranking() -> None:
    own = one_layer([[2, 0, 3, 1]])[0]
    view = builders.tamper_view(one_layer([[0, 1, 2, 3]])[0])

    reversed_ = attacks.make("own_reversal").tamper(own, view, builders.rng())
    ridden = attacks.make("free_rider").tamper(own, view, builders.rng())
    same = attacks.make("rank_noise", strength=0.0).tamper(own, view, builders.rng())

    np.testing.assert_array_equal(reversed_["w"], [1, 3, 0, 2])
    np.testing.assert_array_equal(ridden["w"], [0, 1, 2, 3])
    np.testing.assert_array_equal(same["w"], own["w"])


@pytest.mark.parametrize("seed", range(4))
def test_shift_reversal_moves_farthest_against_what_colluders_learnt(seed: int) -> None:
    own = votes_of(3, 6, seed)
    previous = votes_of(1, 6, seed + 50)[0]
    view = builders.rank_view(previous=previous, own=own)
    learnt = np.mean([u["w"] - previous["w"] for u in own], axis=0)

    sent = attacks.make("shift_reversal").craft(view, 2, builders.rng()).updates

    least = min(float(np.dot(p - previous["w"], learnt)) for p in permutations(range(6)))
    np.testing.assert_allclose(np.dot(sent[0]["w"] - previous["w"], learnt), least)
    against = one_layer([np.rint(-3 * learnt)])
    np.testing.assert_array_equal(sent[0]["w"], voted(against, previous["w"]))
    assert sent[0] is sent[1]


def test_shift_reversal_ranks_edges_that_did_not_move_by_the_previous_ranking() -> None:
    previous = one_layer([[1, 3, 0, 2]])[0]
    view = builders.rank_view(previous=previous, own=[previous, previous])

    (sent,) = attacks.make("shift_reversal").craft(view, 1, builders.rng()).updates

    np.testing.assert_array_equal(sent["w"], previous["w"])


@pytest.mark.parametrize("seed", range(4))
def test_shift_flip_is_the_ranking_nearest_to_the_mirrored_shift(seed: int) -> None:
    own, previous = votes_of(1, 6, seed)[0], votes_of(1, 6, seed + 50)[0]
    mirrored = previous["w"] - (own["w"] - previous["w"])

    sent = attacks.make("shift_flip").tamper(own, builders.tamper_view(previous), builders.rng())

    nearest = min(float(((p - mirrored) ** 2).sum()) for p in map(np.array, permutations(range(6))))
    assert float(((sent["w"] - mirrored) ** 2).sum()) == nearest
    np.testing.assert_array_equal(sent["w"], voted(one_layer([mirrored]), previous["w"]))


def test_rank_noise_has_the_strength_it_is_given() -> None:
    n = 20_000
    own = {"w": np.arange(n, dtype=np.int32)}
    view = builders.tamper_view(own)
    agreement = []
    for strength in (0.1, 0.5, 2.0):
        sent = attacks.make("rank_noise", strength=strength).tamper(own, view, builders.rng())
        agreement.append(np.corrcoef(sent["w"], own["w"])[0, 1])

    # Correlation of ranks of u and u + strength * g, u uniform, from an independent sample.
    random = builders.rng(8)
    expected = [
        np.corrcoef(
            rank((np.arange(n) + s * n * random.standard_normal(n)).astype(np.float32)),
            np.arange(n),
        )[0, 1]
        for s in (0.1, 0.5, 2.0)
    ]
    np.testing.assert_allclose(agreement, expected, atol=0.02)
    assert agreement[0] > 0.9 > agreement[1] > 0.3 > agreement[2]


def test_random_rankings_agree_only_if_asked() -> None:
    view = builders.rank_view()

    agreed = attacks.make("random_ranking").craft(view, 2, builders.rng()).updates
    single = attacks.make("random_ranking", agree=False).craft(view, 2, builders.rng()).updates

    np.testing.assert_array_equal(agreed[0]["fc"], agreed[1]["fc"])
    assert (single[0]["fc"] != single[1]["fc"]).any()


def test_promotion_lifts_the_targets_and_nothing_else() -> None:
    attack = attacks.make("promotion", share=0.2)
    own = votes_of(3, 50, seed=2)
    view = builders.rank_view(previous=own[0], own=own)

    (sent,) = attack.craft(view, 1, builders.rng(1)).updates
    (later,) = attack.craft(view, 1, builders.rng(2)).updates

    chosen = attack.targets(view.setting.seed, 0, 50)  # type: ignore[attr-defined]
    honest = voted(own, own[0]["w"])
    assert chosen.sum() == 10
    np.testing.assert_array_equal(sent["w"] >= 40, chosen)
    np.testing.assert_array_equal(rank(sent["w"][~chosen]), rank(honest[~chosen]))
    np.testing.assert_array_equal(sent["w"], later["w"])


# --- vulnerable edges ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_vem_closed_form_is_the_maximum_of_its_objective(seed: int) -> None:
    random = builders.rng(seed)
    n, edges = 7, random.permutation(7)[:4].astype(np.int32)
    votes = [random.permutation(n).astype(np.int32) for _ in range(2)]
    target = random.integers(0, 40, n)
    edges = edges[np.argsort(target[edges])]

    sent = [reversed_within(vote, edges) for vote in votes]

    def distance(rows: Any) -> float:
        return float(np.linalg.norm(target[edges] - np.sum(rows, axis=0)))

    best = max(
        distance(rows) for rows in product(*(list(permutations(vote[edges])) for vote in votes))
    )
    assert distance([s[edges] for s in sent]) == pytest.approx(best)
    rest = np.setdiff1d(np.arange(n), edges)
    for vote, changed in zip(votes, sent, strict=True):
        np.testing.assert_array_equal(changed[rest], vote[rest])


@given(
    st.integers(2, 12).flatmap(
        lambda n: st.tuples(
            st.lists(st.permutations(range(n)), min_size=1, max_size=4),
            st.integers(1, 2),
            st.sampled_from([0.1, 0.5, 0.9]),
            st.lists(st.permutations(range(n)), min_size=2, max_size=2),
        )
    )
)
@settings(max_examples=200, deadline=None)
def test_votes_cannot_move_the_mask_more_than_the_window_allows(case: Any) -> None:
    votes, malicious, keep, extra = case
    n = len(votes[0])
    total = np.sum(votes, axis=0).astype(np.int64)
    previous = np.arange(n, dtype=np.int32)
    order = ascending(total, previous)

    window = vulnerable(total[order].astype(float), keep, malicious)

    before = top_mask(voted(one_layer(votes), previous), keep)
    after = top_mask(voted(one_layer([*votes, *extra[:malicious]]), previous), keep)
    assert set(np.flatnonzero(before != after)) <= set(order[window].tolist())
    boundary = total[order][n - before.sum()]
    inside = np.abs(total - boundary) <= malicious * (n - 1)
    np.testing.assert_array_equal(np.sort(order[window]), np.flatnonzero(inside))


def test_vem_scales_the_known_votes_to_the_benign_clients() -> None:
    own = votes_of(2, 200, seed=3, noise=0.2)
    few = builders.rank_view(previous=own[0], own=own, sampled=4)
    many = builders.rank_view(previous=own[0], own=own, sampled=60)

    changed = [
        int(
            (
                attacks.make("vem").craft(view, 2, builders.rng()).updates[0]["w"] != own[0]["w"]
            ).sum()
        )
        for view in (few, many)
    ]

    total = np.sort(summed([u["w"] for u in own]))
    window = vulnerable(total * 58 / 2, 0.5, 2)
    assert changed[0] > 190
    assert 0 < changed[1] <= window.stop - window.start < 60


def test_vem_gives_each_colluder_a_copied_ranking() -> None:
    own = votes_of(3, 40, seed=3, noise=0.1)
    view = builders.rank_view(previous=own[0], own=own, sampled=103)

    sent = attacks.make("vem").craft(view, 3, builders.rng()).updates

    for vote, crafted in zip(own, sent, strict=True):
        changed = vote["w"] != crafted["w"]
        np.testing.assert_array_equal(np.sort(vote["w"][changed]), np.sort(crafted["w"][changed]))
        assert 0 < changed.sum() < 40


def test_gumbel_sinkhorn_approaches_the_closed_form() -> None:
    own = votes_of(2, 12, seed=5)
    view = builders.rank_view(previous=own[0], own=own, sampled=4)
    target = summed([u["w"] for u in own])

    def distance(attack: Any) -> float:
        sent = attack.craft(view, 2, builders.rng(1)).updates
        return float(np.linalg.norm(target - sum(u["w"] for u in sent)))

    exact = distance(VEM())
    found = distance(VEM(method="gumbel_sinkhorn", max_t=12, steps=200, temperature=1.0))
    honest = float(np.linalg.norm(target - sum(u["w"] for u in own)))
    assert honest < 0.6 * found
    assert 0.9 * exact < found <= exact + 1e-6


def test_gumbel_sinkhorn_changes_no_more_than_its_window() -> None:
    own = votes_of(2, 60, seed=5)
    view = builders.rank_view(previous=own[0], own=own, sampled=4)

    sent = VEM(method="gumbel_sinkhorn", max_t=10, steps=2).craft(view, 2, builders.rng(1)).updates

    middle = ascending(summed([u["w"] for u in own]), own[0]["w"])[25:35]
    for vote, crafted in zip(own, sent, strict=True):
        assert set(np.flatnonzero(vote["w"] != crafted["w"])) <= set(middle.tolist())


# --- boundary -----------------------------------------------------------------------------


def masks(setting: Any, n: int) -> Any:
    """The mask as the definition has it, from a ranking's positions."""
    if setting.mask_by == "score":
        return lambda positions: top_mask(positions, setting.keep)
    kept = n - int((1 - setting.keep) * n)

    def by_size(positions: np.ndarray) -> np.ndarray:
        size = np.abs(setting.sorted_scores["w"][positions])
        chosen = np.zeros(n, bool)
        chosen[np.argsort(-size, kind="stable")[:kept]] = True
        return chosen

    return by_size


@pytest.mark.parametrize("keep", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("malicious", [1, 2])
def test_boundary_is_the_best_single_ranking_there_is(
    keep: float, seed: int, malicious: int
) -> None:
    n = 6
    benign = votes_of(4, n, seed, noise=0.7)
    view = builders.rank_view(
        setting=builders.setting(keep=keep), previous=benign[0], own=benign[:1], benign=benign
    )

    (sent, *_) = (
        attacks.make("boundary", source="benign").craft(view, malicious, builders.rng()).updates
    )

    masked, previous = masks(view.setting, n), benign[0]["w"]
    best = max(
        flips(benign, np.array(p), malicious, previous, masked) for p in permutations(range(n))
    )
    assert flips(benign, sent["w"], malicious, previous, masked) == best


@pytest.mark.parametrize("mask_by", ["score", "abs"])
@pytest.mark.parametrize("seed", range(6))
def test_boundary_flips_more_than_a_thousand_random_rankings(mask_by: str, seed: int) -> None:
    n, count = 40, 3
    random = builders.rng(seed)
    scores = {"w": np.sort(random.uniform(-1, 1, n)).astype(np.float32)}
    setting = builders.setting(mask_by=mask_by, sorted_scores=scores)
    benign = votes_of(12, n, seed, noise=0.6)
    view = builders.rank_view(setting=setting, previous=benign[0], own=benign[:1], benign=benign)

    attack = attacks.make("boundary", source="benign")
    sent = attack.craft(view, count, builders.rng()).updates[0]["w"]

    masked, previous = masks(setting, n), benign[0]["w"]
    rivals = [
        flips(benign, random.permutation(n).astype(np.int32), count, previous, masked)
        for _ in range(1000)
    ]
    assert flips(benign, sent, count, previous, masked) >= max(rivals)


@pytest.mark.parametrize("mask_by", ["score", "abs"])
@pytest.mark.parametrize("noise", [0.6, 1.5, 3.0])
@pytest.mark.parametrize("keep", [0.3, 0.5])
def test_boundary_without_sight_of_the_benign_votes_is_the_strongest(
    mask_by: str, noise: float, keep: float
) -> None:
    n, count = 5_000, 5
    random = builders.rng(1)
    scores = {"w": np.sort(random.uniform(-1, 1, n)).astype(np.float32)}
    setting = builders.setting(keep=keep, mask_by=mask_by, sorted_scores=scores)
    everyone = votes_of(25, n, 4, noise=noise)
    benign, own = everyone[:20], everyone[20:]
    view = builders.rank_view(setting=setting, previous=own[0], own=own, sampled=25)
    masked = masks(setting, n)

    reached = {}
    for name in ("boundary", "reversal", "vem", "half_swap", "random_ranking"):
        sent = attacks.make(name).craft(view, count, builders.rng()).updates
        reached[name] = flips(benign, sent[0]["w"], count, own[0]["w"], masked)

    assert reached.pop("boundary") >= 0.97 * max(reached.values())


@pytest.mark.parametrize("keep", [0.0, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("shift", [-0.8, -2.0, -0.2])
def test_boundaries_are_where_the_mask_changes(keep: float, shift: float) -> None:
    n = 31
    scores = {"w": np.sort(builders.rng(2).uniform(shift, shift + 2, n)).astype(np.float32)}
    for mask_by in ("score", "abs"):
        setting = builders.setting(keep=keep, mask_by=mask_by, sorted_scores=scores)
        mask = masks(setting, n)(np.arange(n, dtype=np.int32))

        found = setting.boundaries("w", n)

        assert list(found) == list(np.flatnonzero(np.diff(mask.astype(int))) + 1)


def test_boundary_needs_the_scores_under_abs() -> None:
    view = builders.rank_view(setting=builders.setting(mask_by="abs", sorted_scores={}))

    with pytest.raises(InputError, match="sorted scores of layer 'conv'"):
        attacks.make("boundary").craft(view, 1, builders.rng())


# --- accuracy control and search ----------------------------------------------------------


def test_accuracy_control_is_honest_below_the_target_and_the_boundary_attack_far_above() -> None:
    attack = attacks.make("accuracy_control", target=0.5, proportional_gain=4.0)
    own = votes_of(3, 60, 1)

    def sent(accuracy: float) -> Any:
        view = builders.rank_view(previous=own[0], own=own, accuracy=lambda state: accuracy)
        return attack.craft(view, 2, builders.rng(7))

    def moved(crafted: np.ndarray, honest: np.ndarray) -> int:
        return int(np.abs(crafted.astype(int) - honest).sum())

    view = builders.rank_view(previous=own[0], own=own)
    full = attacks.make("boundary").craft(view, 2, builders.rng(7)).updates[0]["w"]
    honest = voted(own, own[0]["w"])
    np.testing.assert_array_equal(sent(0.4).updates[0]["w"], honest)
    np.testing.assert_array_equal(sent(0.9).updates[0]["w"], full)
    between = sent(0.55).updates[0]["w"]
    assert 0 < moved(between, honest) < moved(full, honest)


def test_accuracy_control_settles_at_the_target() -> None:
    attack = attacks.make("accuracy_control", target=0.6)
    own = votes_of(3, 60, 1)
    accuracy, state = 0.9, {}
    for _ in range(40):
        view = builders.rank_view(
            previous=own[0], own=own, accuracy=lambda _, now=accuracy: now, state=state
        )
        state = attack.craft(view, 2, builders.rng(7)).state
        # A network that gains 0.05 a round towards 0.95 and loses with the strength.
        accuracy = min(0.95, accuracy + 0.05 - 0.12 * float(state["strength"]))

    assert accuracy == pytest.approx(0.6, abs=0.02)


def test_accuracy_control_needs_an_accuracy() -> None:
    with pytest.raises(InputError, match="accuracy"):
        attacks.make("accuracy_control").craft(builders.rank_view(accuracy=None), 1, builders.rng())


@pytest.mark.parametrize("mask_by", ["score", "abs"])
def test_adaptive_is_no_weaker_than_boundary_and_reversal_and_remembers(mask_by: str) -> None:
    n, count = 101, 3
    scores = {"w": np.sort(builders.rng().uniform(-1, 1, n)).astype(np.float32)}
    setting = builders.setting(mask_by=mask_by, sorted_scores=scores)
    everyone = votes_of(15, n, 2, noise=1.0)
    benign, own, previous = everyone[:12], everyone[12:], everyone[0]
    calls = []

    def rule(updates: Any) -> Update:
        calls.append(len(updates))
        return {"w": voted(updates, previous["w"])}

    view = builders.rank_view(
        setting=setting, previous=previous, own=own, benign=benign, sampled=15, rule=rule
    )
    masked = masks(setting, n)

    crafted = Adaptive(source="benign", queries=10).craft(view, count, builders.rng(3))

    found = flips(benign, crafted.updates[0]["w"], count, previous["w"], masked)
    for rival in (attacks.make("boundary", source="benign"), attacks.make("reversal")):
        sent = rival.craft(view, count, builders.rng(3)).updates[0]["w"]
        assert found >= flips(benign, sent, count, previous["w"], masked)
    assert calls == [12] + [15] * 10
    assert crafted.state["best"].shape == (3,)


def test_adaptive_evades_a_rule_that_drops_what_is_far() -> None:
    n, count = 200, 3
    everyone = votes_of(15, n, 2, noise=0.8)
    benign, own, previous = everyone[:12], everyone[12:], everyone[0]

    def filtering(updates: Any) -> Update:
        centre = np.median([u["w"] for u in updates], axis=0)
        far = [float(np.abs(u["w"] - centre).sum()) for u in updates]
        near = [u for u, d in zip(updates, far, strict=True) if d <= 1.3 * np.median(far)]
        return {"w": voted(near, previous["w"])}

    view = builders.rank_view(previous=previous, own=own, benign=benign, sampled=15, rule=filtering)

    def moved(crafted: Any) -> int:
        attacked = filtering([*benign, *crafted.updates])["w"]
        return int((top_mask(attacked, 0.5) != top_mask(filtering(benign)["w"], 0.5)).sum())

    reversal = moved(attacks.make("reversal").craft(view, count, builders.rng()))
    adaptive = moved(Adaptive(source="benign", queries=20).craft(view, count, builders.rng(3)))
    assert adaptive > reversal


def test_supermask_backdoor_lifts_the_edges_of_largest_gain() -> None:
    own = votes_of(3, 40, 1)
    previous = votes_of(1, 40, 8)[0]
    view = builders.rank_view(previous=previous, own=own)

    (sent,) = (
        attacks.make("supermask_backdoor", promoted=0.25).craft(view, 1, builders.rng()).updates
    )

    gain = np.mean([u["w"] for u in own], axis=0) - previous["w"]
    lifted = sent["w"] >= 30
    assert gain[lifted].min() >= gain[~lifted].max()
    order = np.argsort(sent["w"])[30:]
    assert (np.diff(gain[order]) >= 0).all()
    honest = voted(own, previous["w"])
    np.testing.assert_array_equal(rank(sent["w"][~lifted]), rank(honest[~lifted]))
