"""Attacks on data: shares, pixels and labels, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import attacks
from attacks.adversary.backdoor_success import attack_success_rate
from frl.errors import InputError
from tests.attacks import builders


def shard(m: int = 40, size: int = 12, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    images = builders.rng(1).integers(0, 200, (m, channels, size, size), dtype=np.uint8)
    return images, np.arange(m, dtype=np.int64) % 10


def poisoned(name: str, client: int = 5, samples: Any = None, seed: int = 3, **params: Any) -> Any:
    images, labels = shard() if samples is None else samples
    view = builders.poison_view(client)
    return attacks.make(name, **params).poison(images, labels, view, builders.rng(seed))


@pytest.mark.parametrize("share", [0.0, 0.25, 0.33, 1.0])
def test_label_flip_changes_exactly_its_share(share: float) -> None:
    images, labels = shard()

    for mode in ("pairwise", "random"):
        same, flipped = poisoned("label_flip", mode=mode, share=share)
        assert (flipped != labels).sum() == round(40 * share)
        np.testing.assert_array_equal(same, images)
    _, flipped = poisoned("label_flip", mode="all_to_one", target=4, share=share)
    changed = flipped != labels
    assert set(flipped[changed].tolist()) <= {4}
    assert round(40 * share) - 4 <= changed.sum() <= round(40 * share)


def test_label_flip_modes() -> None:
    _, labels = shard()

    _, pairwise = poisoned("label_flip", mode="pairwise")
    _, to_one = poisoned("label_flip", mode="all_to_one", target=4)
    _, random = poisoned("label_flip", mode="random", samples=shard(5000))

    np.testing.assert_array_equal(pairwise, 9 - labels)
    assert (to_one == 4).all()
    shifts = np.bincount((random - np.arange(5000)) % 10, minlength=10)
    assert shifts[0] == 0
    assert shifts[1:].min() > 450


def test_label_flip_refuses_a_target_that_is_no_class() -> None:
    with pytest.raises(InputError, match="below 10"):
        poisoned("label_flip", mode="all_to_one", target=10)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("name", ["badnets", "supermask_backdoor", "model_replacement"])
def test_badnets_stamps_and_relabels_exactly_its_share(name: str, share: float) -> None:
    images, labels = shard(channels=3)
    patch = np.zeros((12, 12), bool)
    patch[7:10, 7:10] = True
    params: Any = {"target": 3, "share": share, "margin": 2, "value": 251}
    if name == "model_replacement":
        params = {"data": "badnets", "params": params}

    dirty, relabelled = poisoned(name, samples=(images, labels), **params)

    hit = (dirty != images).any(axis=(1, 2, 3))
    assert hit.sum() == round(40 * share)
    assert (dirty[hit][:, :, patch] == 251).all()
    np.testing.assert_array_equal(dirty[:, :, ~patch], images[:, :, ~patch])
    assert (relabelled[hit] == 3).all()
    np.testing.assert_array_equal(relabelled[~hit], labels[~hit])


def test_different_generators_poison_different_samples() -> None:
    images, _ = shard()

    first, second = (poisoned("badnets", seed=seed)[0] for seed in (1, 2))

    assert not np.array_equal((first != images).any((1, 2, 3)), (second != images).any((1, 2, 3)))


def test_dba_splits_the_trigger_over_clients() -> None:
    images, _ = shard()
    attack: Any = attacks.make("dba", share=1.0, parts=4, length=3, margin=1)

    whole = attack.stamp(images) != images
    parts = []
    for client in range(4):
        dirty, relabelled = poisoned("dba", client=client + 8, share=1.0, parts=4, length=3)
        parts.append((dirty != images)[0, 0])
        assert (relabelled == 0).all()

    expected = np.zeros((12, 12), bool)
    for row, left in ((1, 1), (1, 6), (3, 1), (3, 6)):
        expected[row, left : left + 3] = True
    np.testing.assert_array_equal(whole[0, 0], expected)
    np.testing.assert_array_equal(np.logical_or.reduce(parts), expected)
    assert [int(part.sum()) for part in parts] == [3, 3, 3, 3]
    np.testing.assert_array_equal(
        poisoned("dba", client=2, share=1.0, length=3)[0],
        poisoned("dba", client=6, share=1.0, length=3)[0],
    )


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_semantic_relabels_the_share_of_one_class(share: float) -> None:
    images, labels = shard()

    same, relabelled = poisoned("semantic", source=7, target=1, share=share)

    changed = relabelled != labels
    assert changed.sum() == round(4 * share)
    assert set(labels[changed].tolist()) <= {7}
    assert set(relabelled[changed].tolist()) <= {1}
    np.testing.assert_array_equal(same, images)


def test_semantic_trigger_may_be_a_column_of_a_table() -> None:
    table = np.array([[0.0, 5.0], [9.0, 1.0], [0.0, 7.0], [0.0, 8.0]], np.float32)
    labels = np.array([0, 0, 1, 2], np.int64)
    attack: Any = attacks.make("semantic", column=1, above=4.0, target=1)

    _, relabelled = attack.poison(table, labels, builders.poison_view(), builders.rng())

    np.testing.assert_array_equal(relabelled, [1, 0, 1, 1])
    np.testing.assert_array_equal(attack.victims(table, labels), [True, False, False, True])
    with pytest.raises(InputError, match="column"):
        attacks.make("semantic", column=2).poison(  # no such column
            table, labels, builders.poison_view(), builders.rng()
        )


@pytest.mark.parametrize("name", ["badnets", "dba", "model_replacement", "supermask_backdoor"])
def test_image_triggers_refuse_tables(name: str) -> None:
    table = np.zeros((40, 6), np.float32)
    attack: Any = attacks.make(name)

    with pytest.raises(InputError, match=r"needs images .* got samples of shape \(40, 6\)"):
        attack.poison(table, np.zeros(40, np.int64), builders.poison_view(), builders.rng())
    with pytest.raises(InputError, match="needs images"):
        attack.stamp(table)


@pytest.mark.parametrize(("name", "params"), [("badnets", {"size": 12}), ("dba", {"length": 6})])
def test_triggers_that_do_not_fit_are_refused(name: str, params: Any) -> None:
    with pytest.raises(InputError, match="does not fit images of 12 x 12"):
        poisoned(name, client=1, **params)


def test_model_replacement_takes_only_a_backdoor_on_data() -> None:
    for data in ("label_flip", "reversal", "supermask_backdoor", "model_replacement"):
        with pytest.raises(InputError, match="'data' of attack 'model_replacement'"):
            attacks.make("model_replacement", data=data)
    with pytest.raises(InputError, match="did you mean 'size'"):
        attacks.make("model_replacement", data="badnets", params={"sise": 3})


def test_success_counts_triggered_victims_only() -> None:
    images, labels = shard()
    attack: Any = attacks.make("badnets", target=2)

    def sees_patch(batch: np.ndarray) -> np.ndarray:
        stamped = (batch[:, 0, 8:11, 8:11] == 255).all(axis=(1, 2))
        return np.where(stamped & (np.arange(len(batch)) % 4 != 0), 2, 9)

    rate = attack_success_rate(attack, images, labels, sees_patch)

    assert rate == pytest.approx(27 / 36)
    assert attack_success_rate(attack, images, np.full(40, 2), sees_patch) is None
    assert attack_success_rate(attack, images, labels, lambda x: np.zeros(len(x), int)) == 0.0


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("badnets", {"share": 1.5}),
        ("dba", {"parts": 0}),
        ("semantic", {"source": 1, "target": 1}),
        ("label_flip", {"share": -0.1}),
        ("promotion", {"share": 2.0}),
        ("rank_noise", {"strength": -1.0}),
        ("boundary", {"spread": float("nan")}),
        ("vem", {"max_t": 1}),
        ("adaptive", {"queries": 0}),
        ("accuracy_control", {"target": 1.2}),
        ("fang", {"low": 5.0}),
        ("dyn_opt", {"share": 0.0}),
        ("dyn_krum", {"f": -1}),
        ("scaled", {"factor": float("inf")}),
        ("alie", {"z": float("nan")}),
        ("ipm", {"epsilon": -1.0}),
        ("ipm", {"source": "nobody"}),
    ],
)
def test_parameters_out_of_range_are_refused_by_name(name: str, params: Any) -> None:
    with pytest.raises(InputError, match=f"of attack '{name}': got") as caught:
        attacks.make(name, **params)
    assert any(key in str(caught.value) for key in params)
    assert "\n" not in str(caught.value)
