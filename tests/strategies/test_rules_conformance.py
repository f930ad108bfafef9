"""What every registered rule must do, whatever it computes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from frl.errors import InputError
from strategies import rules
from strategies.rules import Rule
from tests.strategies.builders import (
    DEVICES,
    LAYERS,
    D,
    F,
    LargestAllocation,
    N,
    context,
    make,
    ranking,
    rankings,
    same,
    takes_f,
    updates,
    weights,
)

NAMES = rules.list()
WEIGHT_NAMES = [name for name in NAMES if rules.get(name).space == "weights"]  # type: ignore[attr-defined]
RANK_NAMES = [name for name in NAMES if rules.get(name).space == "ranks"]  # type: ignore[attr-defined]
F_NAMES = [name for name in NAMES if takes_f(name)]


@pytest.mark.parametrize("name", NAMES)
def test_result_is_one_finite_vector(name: str) -> None:
    rule = make(name)
    vector = rule.aggregate(updates(rule), context(rule), {}).vector
    assert vector.shape == (D,)
    assert vector.isfinite().all()
    integers = (torch.int32, torch.int64)
    assert vector.dtype == torch.float32 if rule.space == "weights" else vector.dtype in integers


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", NAMES)
def test_order_of_clients_does_not_matter(name: str, device: str) -> None:
    rule = make(name)
    stack, before = updates(rule), context(rule)
    order = np.random.default_rng(1).permutation(N)
    after = before._replace(clients=tuple(before.clients[row] for row in order))
    expected = rule.aggregate(stack, before, {}).vector
    got = rule.aggregate(stack[torch.from_numpy(order)].to(device), after, {}).vector
    assert got.device.type == device
    assert same(got.cpu(), expected)


@pytest.mark.parametrize("name", [n for n in NAMES if "translation" in make(n).promises])
def test_translation_moves_the_result_along(name: str) -> None:
    rule = make(name)
    stack, shift = weights(), weights(1, seed=7)[0]
    moved = rule.aggregate(stack + 10 * shift, context(rule), {}).vector
    assert same(moved - 10 * shift, rule.aggregate(stack, context(rule), {}).vector, 1e-4)


@pytest.mark.parametrize("factor", [1e-3, 512.0])
@pytest.mark.parametrize("name", [n for n in NAMES if "scaling" in make(n).promises])
def test_positive_factor_scales_the_result(name: str, factor: float) -> None:
    rule = make(name)
    scaled = rule.aggregate(factor * weights(), context(rule), {}).vector
    assert same(scaled / factor, rule.aggregate(weights(), context(rule), {}).vector)


def attacked(rule: Rule, distance: float, seed: int) -> Tensor:
    stack = weights()
    stack[-F:] = distance * weights(1, seed=seed)[0]
    return rule.aggregate(stack, context(rule), {}).vector


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", [n for n in NAMES if "bounded" in make(n).promises])
def test_far_outliers_move_the_result_by_a_bounded_amount(name: str, seed: int) -> None:
    rule = make(name)
    reach = float(weights().norm(dim=1).max())
    clean = rule.aggregate(weights(), context(rule), {}).vector
    for distance in (-1e7, 1e3, 1e5, 1e7):
        assert (attacked(rule, distance, seed) - clean).norm() <= 2 * reach


@pytest.mark.parametrize("name", ["mean", "topk"])
def test_rules_that_promise_no_bound_have_none(name: str) -> None:
    rule = make(name)
    assert "bounded" not in rule.promises
    assert attacked(rule, 1e7, 1).norm() > 1e5


@pytest.mark.parametrize("name", NAMES)
def test_one_client(name: str) -> None:
    rule = make(name, f=0)
    stack = updates(rule, n=1)
    if rule.minimum() > 1:
        with pytest.raises(InputError, match=f"needs at least {rule.minimum()} updates, got 1"):
            rule.aggregate(stack, context(rule, n=1), {})
        return
    vector = rule.aggregate(stack, context(rule, n=1), {}).vector
    assert vector.isfinite().all()
    if {"translation", "scaling"} <= rule.promises:
        assert same(vector, stack[0])


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_left_alone(name: str) -> None:
    rule = make(name)
    stack, given = updates(rule), context(rule)
    state = rule.aggregate(updates(rule, seed=1), given, rule.initial_state()).state
    held = {key: value.clone() for key, value in state.items()}
    rule.aggregate(stack, given, state)
    assert torch.equal(stack, updates(rule))
    assert torch.equal(given.root, context(rule).root)  # type: ignore[arg-type]
    assert torch.equal(given.previous, context(rule).previous)  # type: ignore[arg-type]
    assert state.keys() == held.keys()
    assert all(torch.equal(state[key], held[key]) for key in held)


@pytest.mark.parametrize("name", NAMES)
def test_same_input_gives_the_same_bits(name: str) -> None:
    rule = make(name)
    first = rule.aggregate(updates(rule), context(rule), {}).vector
    assert torch.equal(first, make(name).aggregate(updates(rule), context(rule), {}).vector)


@pytest.mark.parametrize("name", NAMES)
def test_state_survives_a_checkpoint(name: str) -> None:
    rule = make(name)
    state = rule.aggregate(updates(rule), context(rule), rule.initial_state()).state
    restored = load(save(state))
    later = context(rule, round=4, clients=tuple(range(N)))
    expected = rule.aggregate(updates(rule, seed=1), later, state)
    got = rule.aggregate(updates(rule, seed=1), later, restored)
    assert torch.equal(got.vector, expected.vector)
    assert all(torch.equal(got.state[key], expected.state[key]) for key in expected.state)


@pytest.mark.parametrize("name", F_NAMES)
def test_too_few_updates_are_refused(name: str) -> None:
    for f in (1, 3):
        rule = make(name, f)
        few = rule.minimum() - 1
        assert few >= f
        with pytest.raises(InputError, match=rf"needs at least {few + 1} updates, got {few}"):
            rule.aggregate(updates(rule, few), context(rule, few), {})
        rule.aggregate(updates(rule, few + 1), context(rule, few + 1), {})


@pytest.mark.parametrize("name", F_NAMES)
@pytest.mark.parametrize("f", [-1, True])
def test_f_is_a_count(name: str, f: int) -> None:
    with pytest.raises(InputError, match=r"'f'.*takes an integer >= 0"):
        rules.get(name)(f=f)


@pytest.mark.parametrize("name", NAMES)
def test_wrong_updates_are_refused(name: str) -> None:
    rule = make(name)
    stack = updates(rule)
    with pytest.raises(InputError, match=r"updates, got torch\.float64"):
        rule.aggregate(stack.double(), context(rule), {})
    with pytest.raises(InputError, match="600 edges"):
        rule.aggregate(stack[:, :-1], context(rule), {})
    with pytest.raises(InputError, match="10 clients"):
        rule.aggregate(stack, context(rule, n=10), {})


@pytest.mark.parametrize("name", NAMES)
def test_missing_context_is_refused(name: str) -> None:
    rule = make(name)
    stack = updates(rule)
    bare = context(rule, root=None, previous=None)
    if rule.needs_root or rule.needs_previous:
        with pytest.raises(InputError, match="got none"):
            rule.aggregate(stack, bare, {})
    else:
        assert torch.equal(
            rule.aggregate(stack, bare, {}).vector,
            rule.aggregate(stack, context(rule), {}).vector,
        )


@pytest.mark.parametrize("name", NAMES)
def test_memory_is_a_few_blocks_not_a_second_stack(name: str) -> None:
    layers = (150_000, 250_000)
    rule = make(name)
    stack, given = updates(rule, 16, layers), context(rule, 16, layers)
    with LargestAllocation(stack) as largest:
        rule.aggregate(stack, given, {})
    assert 4 * sum(layers) <= largest.bytes <= (5 << 20) < stack.nbytes / 4


@pytest.mark.parametrize("name", NAMES)
def test_entry_documents_itself(name: str) -> None:
    entry: Any = rules.get(name)
    for text in (entry.formula, entry.breakdown, entry.cost, entry.influence, entry.paper):
        assert isinstance(text, str)
        assert text
    assert entry.space in ("weights", "ranks")
    assert entry.promises <= {"translation", "scaling", "bounded"}
    assert dataclasses.is_dataclass(entry)
    prose = " ".join(entry.__doc__.split())
    assert "One client" in prose or "lone attacker" in prose
    documented = entry.__doc__.partition("Parameters")[2]
    assert all(field.name in documented for field in dataclasses.fields(entry))


@pytest.mark.parametrize("name", RANK_NAMES)
def test_names_of_edges_do_not_matter(name: str) -> None:
    rule = make(name)
    stack, given = rankings(), context(rule)
    random = np.random.default_rng(4)
    first = random.permutation(LAYERS[0])
    order = np.concatenate([first, LAYERS[0] + random.permutation(LAYERS[1])])
    renamed = given._replace(previous=given.previous[order])  # type: ignore[index]
    expected = rule.aggregate(stack, given, {}).vector[order]
    assert torch.equal(rule.aggregate(stack[:, order].contiguous(), renamed, {}).vector, expected)


@pytest.mark.parametrize("name", RANK_NAMES)
def test_unanimous_clients_get_their_ranking(name: str) -> None:
    rule = make(name)
    wanted = ranking(np.random.default_rng(8), LAYERS)
    stack = torch.from_numpy(np.tile(wanted, (N, 1)))
    given = context(rule, previous=torch.from_numpy(wanted))
    reputation = rule.aggregate(stack, given, {}).vector.numpy()
    for layer in (slice(0, LAYERS[0]), slice(LAYERS[0], D)):
        order = np.lexsort((wanted[layer], reputation[layer]))
        assert np.array_equal(wanted[layer][order], np.arange(len(order)))


# FoolsGold takes clients that agree in everything for sybils, all of them.
@pytest.mark.parametrize("name", [name for name in WEIGHT_NAMES if name != "foolsgold"])
def test_unanimous_clients_get_their_direction(name: str) -> None:
    rule = make(name)
    wanted = weights(1, seed=3)[0]
    given = context(rule, root=wanted)
    vector = rule.aggregate(wanted.expand(N, -1).contiguous(), given, {}).vector
    assert (vector * wanted).sum() > 0
    if {"translation", "scaling"} <= rule.promises:
        assert same(vector, wanted)


KEEPING = ("bulyan", "distance_filter", "dnc", "krum", "krum_position", "mda", "multi_krum")
WEIGHING = (
    "caf",
    "centered_clipping",
    "change_mean",
    "change_vote",
    "flame",
    "fltrust",
    "foolsgold",
    "geometric_median",
    "norm_bounding",
    "signguard",
)


@pytest.mark.parametrize("name", NAMES)
def test_what_clients_counted_is_said_row_by_row(name: str) -> None:
    """Rules that add all up alike, or edge by edge, say nothing; the others follow their rows."""
    rule = make(name)
    stack, given = updates(rule), context(rule)
    found = rule.aggregate(stack, given, {})
    order = np.random.default_rng(2).permutation(N)
    moved = given._replace(clients=tuple(given.clients[row] for row in order))
    again = rule.aggregate(stack[torch.from_numpy(order)], moved, {})

    assert bool(found.weights) == (name in KEEPING + WEIGHING)
    assert len(found.weights) == len(found.reasons) == (N if found.weights else 0)
    assert all(0 <= weight <= 1 for weight in found.weights)
    assert not any(
        reason and weight >= 0.75
        for weight, reason in zip(found.weights, found.reasons, strict=True)
    )
    if found.weights:
        expected = [found.weights[row] for row in order]
        assert again.weights == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", [name for name in KEEPING if name != "bulyan"])
def test_the_dropped_do_not_take_part(name: str) -> None:
    rule = make(name)
    stack = updates(rule)
    found = rule.aggregate(stack, context(rule), {})
    kept = stack[torch.tensor(found.weights) == 1].double()

    assert 0 < len(kept) < N
    expected = kept.mean(dim=0) if rule.space == "weights" else kept.sum(dim=0)
    assert same(found.vector.double(), expected, 1e-4)
