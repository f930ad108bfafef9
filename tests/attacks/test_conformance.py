"""Promises of every registered attack; a new file in ``attacks`` is tested without an edit here."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from typing import Any

import numpy as np
import pytest

import attacks
from attacks.adversary.table import markdown, rows
from attacks.base import Attack, Backdoor, Knowledge, Update, crafts, poisons, tampers
from frl.ranking import permutation_fault
from tests.attacks import builders

NAMES = attacks.list()


def variants(name: str) -> list[Attack]:
    """The default and, for each parameter that is a choice of words, every choice."""
    made = [attacks.make(name)]
    for parameter in attacks.parameters(name):
        for choice in getattr(parameter.annotation, "__args__", ()):
            if isinstance(choice, str):
                small = {"max_t": 6, "steps": 2} if name == "vem" else {}
                made.append(attacks.make(name, **{parameter.name: choice}, **small))
    return made


ALL = [pytest.param(v, id=repr(v)) for name in NAMES for v in variants(name)]


def updates_of(attack: Attack, count: int) -> list[Update]:
    if attack.space == "weights":
        return builders.differences(count, seed=1)
    return builders.rankings(count, seed=1)


def view_of(attack: Attack, **changes: Any) -> Any:
    if attack.space == "weights":
        return builders.weight_view(**changes)
    return builders.rank_view(**changes)


def equal(a: Any, b: Any) -> bool:
    """Equality of nested dicts and sequences of arrays."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    return bool(np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f"))


def assert_fits(crafted: Update, like: Update, space: str) -> None:
    assert list(crafted) == list(like)
    for name, layer in crafted.items():
        assert layer.dtype == like[name].dtype
        assert layer.shape == like[name].shape
        if space == "ranks":
            assert permutation_fault(np.ascontiguousarray(layer), layer.size) is None


@pytest.mark.parametrize("name", NAMES)
def test_describes_itself(name: str) -> None:
    kind = attacks.get(name)

    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert kind.space in ("ranks", "weights", "data")
    assert len(kind.formula) > 5
    assert len(kind.paper) > 5
    documented = inspect.getdoc(kind) or ""
    assert "Threat model" in documented
    assert "Formula" in documented
    for parameter in attacks.parameters(name):
        assert parameter.name in documented
    assert attacks.name_of(attacks.make(name)) == name


@pytest.mark.parametrize("attack", ALL)
def test_has_a_hook_and_asks_no_more_than_it_declares(attack: Attack) -> None:
    assert crafts(attack) or poisons(attack) or tampers(attack)
    assert attack.needs() & ~attack.knowledge == Knowledge(0)


@pytest.mark.parametrize("attack", [p for p in ALL if crafts(p.values[0])])
@pytest.mark.parametrize("count", [1, 3])
def test_crafts_valid_updates_from_what_it_declares(attack: Attack, count: int) -> None:
    view = view_of(attack)
    needs = attack.needs()
    view = dataclasses.replace(
        view,
        benign=view.benign if Knowledge.BENIGN in needs else None,
        rule=view.rule if Knowledge.RULE in needs else None,
        accuracy=view.accuracy if Knowledge.ACCURACY in needs else None,
    )
    before = copy.deepcopy({"own": view.own, "benign": view.benign or [], "p": view.previous})

    first = attack.craft(view, count, builders.rng(4))
    again = attack.craft(view, count, builders.rng(4))
    second = attack.craft(dataclasses.replace(view, state=first.state), count, builders.rng(5))

    assert equal({"own": view.own, "benign": view.benign or [], "p": view.previous}, before)
    assert equal(list(first.updates), list(again.updates))
    assert first.state.keys() == again.state.keys()
    assert all(isinstance(array, np.ndarray) for array in second.state.values())
    for crafted in (first, second):
        assert len(crafted.updates) == count
        for update in crafted.updates:
            assert_fits(update, view.own[0], attack.space)


@pytest.mark.parametrize("attack", [p for p in ALL if p.values[0].space == "ranks"])
@pytest.mark.parametrize(("mask_by", "coats"), [("score", 1), ("abs", 1), ("score", 3), ("abs", 7)])
@pytest.mark.parametrize("keep", [0.1, 0.5, 1.0])
def test_rank_attacks_send_permutations(
    attack: Attack, mask_by: str, coats: int, keep: float
) -> None:
    setting = builders.setting(mask_by=mask_by, keep=keep, coats=coats)
    view = view_of(attack, setting=setting)
    own = view.own[0]

    if crafts(attack):
        sent = list(attack.craft(view, 2, builders.rng()).updates)
    else:
        sent = [attack.tamper(own, builders.tamper_view(view.previous), builders.rng())]

    for update in sent:
        assert_fits(update, own, "ranks")


@pytest.mark.parametrize("attack", [p for p in ALL if tampers(p.values[0])])
def test_tampers_without_touching_its_arguments(attack: Attack) -> None:
    own = updates_of(attack, 1)[0]
    view = builders.tamper_view(updates_of(attack, 2)[1])
    before = copy.deepcopy((own, view.previous))

    sent = attack.tamper(own, view, builders.rng(4))
    again = attack.tamper(own, view, builders.rng(4))

    assert equal((own, view.previous), before)
    assert equal(sent, again)
    assert not equal(sent, own)
    assert not any(np.shares_memory(sent[k], view.previous[k]) for k in sent)
    assert_fits(sent, own, attack.space)


@pytest.mark.parametrize("attack", [p for p in ALL if poisons(p.values[0])])
def test_poisons_without_touching_its_arguments(attack: Attack) -> None:
    images = builders.rng().integers(0, 200, (20, 1, 16, 16), dtype=np.uint8)
    labels = np.arange(20, dtype=np.int64) % 10
    before = (images.copy(), labels.copy())

    poisoned = attack.poison(images, labels, builders.poison_view(), builders.rng(4))
    again = attack.poison(images, labels, builders.poison_view(), builders.rng(4))

    assert equal((images, labels), before)
    assert equal(poisoned, again)
    assert not equal(poisoned, before)
    assert (poisoned[0].shape, poisoned[0].dtype) == (images.shape, images.dtype)
    assert (poisoned[1].shape, poisoned[1].dtype) == (labels.shape, labels.dtype)
    assert poisoned[1].min() >= 0
    assert poisoned[1].max() < 10


@pytest.mark.parametrize("attack", [p for p in ALL if isinstance(p.values[0], Backdoor)])
def test_backdoors_stamp_copies(attack: Attack) -> None:
    assert isinstance(attack, Backdoor)
    images = builders.rng().integers(0, 200, (20, 3, 16, 16), dtype=np.uint8)
    labels = np.arange(20, dtype=np.int64) % 10
    before = images.copy()

    stamped = attack.stamp(images)
    victims = attack.victims(images, labels)

    np.testing.assert_array_equal(images, before)
    assert not np.shares_memory(stamped, images)
    assert (stamped.shape, stamped.dtype) == (images.shape, images.dtype)
    assert victims.any()
    assert not (victims & (labels == attack.target)).any()


def test_the_table_has_a_row_for_every_attack() -> None:
    lines = markdown().splitlines()

    assert [row["name"] for row in rows()] == list(NAMES)
    assert len(lines) == len(NAMES) + 2
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert "own, colluders, benign, rule" in markdown()
