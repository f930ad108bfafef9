"""Pre-aggregations by definition, and chained in front of rules."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from frl.errors import InputError
from strategies import pre_aggregation, rules
from strategies.pre_aggregation import PreAggregation, chain, rows_after
from strategies.rules import RuleContext
from tests.strategies.builders import (
    DEVICES,
    LAYERS,
    LargestAllocation,
    N,
    rankings,
    weights,
)

NAMES = pre_aggregation.list()
CONTEXT = RuleContext(tuple(range(10, 10 + N)), LAYERS, round=3, seed=5)


def make(name: str, f: int = 2) -> PreAggregation:
    takes_f = any(p.name == "f" for p in pre_aggregation.parameters(name))
    return pre_aggregation.make(name, **({"f": f} if takes_f else {}))


def as_sets(stack: torch.Tensor) -> np.ndarray:
    """Rows in an order of their own."""
    values = stack.numpy()
    return values[np.lexsort(values.T[:3])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", NAMES)
def test_order_of_clients_does_not_matter(name: str, device: str) -> None:
    order = np.random.default_rng(1).permutation(N)
    shuffled = CONTEXT._replace(clients=tuple(CONTEXT.clients[row] for row in order))
    expected = make(name).apply(weights(), CONTEXT)
    got = make(name).apply(weights()[torch.from_numpy(order)].to(device), shuffled)
    assert np.allclose(as_sets(got.cpu()), as_sets(expected), atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_left_alone_unless_given_away(name: str) -> None:
    stack = 10 * weights()
    aside = make(name).apply(stack, CONTEXT)
    assert torch.equal(stack, 10 * weights())
    assert torch.equal(make(name).apply(stack, CONTEXT, overwrite=True), aside)


@pytest.mark.parametrize("name", ["arc", "clipping", "nnm"])
def test_overwriting_takes_no_second_stack(name: str) -> None:
    layers = (150_000, 250_000)
    stack = weights(16, layers)
    with LargestAllocation(stack) as largest:
        make(name).apply(stack, RuleContext(tuple(range(16)), layers), overwrite=True)
    assert largest.bytes <= (5 << 20) < stack.nbytes / 4


@pytest.mark.parametrize("name", NAMES)
def test_entry_documents_itself(name: str) -> None:
    entry: Any = pre_aggregation.get(name)
    assert all((entry.formula, entry.cost, entry.paper))
    assert entry.space in ("weights", "weights, ranks")
    documented = entry.__doc__.partition("Parameters")[2]
    assert all(field.name in documented for field in dataclasses.fields(entry))


def neighbour_means(values: np.ndarray, distances: np.ndarray, f: int) -> np.ndarray:
    nearest = distances.argsort(axis=1, kind="stable")[:, : len(values) - f]
    return np.stack([values[rows].mean(axis=0) for rows in nearest])


@pytest.mark.parametrize("f", [0, 1, 5, N - 1])
def test_nnm_on_updates(f: int) -> None:
    values = weights().numpy()
    distances = np.linalg.norm(values[:, None] - values[None], axis=-1)
    got = make("nnm", f).apply(weights(), CONTEXT)
    assert np.allclose(got, neighbour_means(values, distances, f), atol=1e-5)


def test_nnm_on_rankings_compares_every_layer_alike() -> None:
    values = rankings().numpy().astype(np.float64)
    distances = np.zeros((N, N))
    for layer in np.split(values, [LAYERS[0]], axis=1):
        size = layer.shape[1]
        squares = ((layer[:, None] - layer[None]) ** 2).sum(axis=-1)
        distances += 3 * squares / (size * (size**2 - 1))
    got = make("nnm", 3).apply(rankings(), CONTEXT)
    assert got.dtype == torch.int32
    assert np.array_equal(got, np.rint(neighbour_means(values, distances, 3)))


def test_bucketing_averages_every_client_once() -> None:
    for size, rows in ((1, 11), (2, 6), (3, 4), (11, 1), (20, 1)):
        step = pre_aggregation.make("bucketing", size=size)
        identity = torch.eye(N)
        shares = step.apply(identity, RuleContext(CONTEXT.clients, (N,)))
        assert len(shares) == rows == step.rows(N)
        assert torch.equal((shares > 0).sum(dim=0), torch.ones(N, dtype=torch.int64))
        assert torch.allclose(shares.sum(dim=1), torch.ones(rows))
        full = shares[:-1] if N % size else shares
        assert torch.allclose(full[full > 0], torch.tensor(1 / size))


def test_bucketing_shuffles_by_seed_and_round() -> None:
    step = pre_aggregation.make("bucketing", size=3)
    first, again = (step.apply(weights(), CONTEXT) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, step.apply(weights(), CONTEXT._replace(round=4)))
    assert not torch.equal(first, step.apply(weights(), CONTEXT._replace(seed=6)))


def test_clipping() -> None:
    values = weights().numpy()
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    bound = float(np.median(lengths))
    got = pre_aggregation.make("clipping", bound=bound).apply(weights(), CONTEXT)
    assert np.allclose(got, values * np.minimum(1, bound / lengths), atol=1e-6)


@pytest.mark.parametrize(("f", "clipped"), [(0, 0), (1, 1), (2, 3), (5, 5), (10, 1)])
def test_arc_clips_the_longest_to_the_next(f: int, clipped: int) -> None:
    values = weights().numpy() * np.arange(1, N + 1, dtype=np.float32)[:, None]
    lengths = np.linalg.norm(values, axis=1)
    bound = np.sort(lengths)[N - clipped - 1]
    got = make("arc", f).apply(torch.from_numpy(values), CONTEXT)
    assert (np.linalg.norm(got, axis=1) < lengths - 1e-3).sum() == clipped
    assert np.allclose(got, values * np.minimum(1, bound / lengths)[:, None], rtol=1e-5)


@pytest.mark.parametrize("name", ["nnm", "arc"])
def test_impossible_f_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="needs at least 12 updates, got 11"):
        make(name, f=N).apply(weights(), CONTEXT)
    with pytest.raises(InputError, match=r"'f'.*>= 0"):
        make(name, f=-1)


@pytest.mark.parametrize("name", ["arc", "clipping"])
def test_norms_of_rankings_are_all_the_same_so_clipping_them_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="takes updates of space 'weights', got 'ranks'"):
        make(name).apply(rankings(), CONTEXT)


def test_chain_applies_steps_in_order_and_numbers_new_rows() -> None:
    steps = [make("clipping"), pre_aggregation.make("bucketing", size=4), make("nnm", f=1)]
    given = 3 * weights()
    stack, context = chain(steps, given, CONTEXT)
    by_hand = given
    for step, clients in zip(steps, (CONTEXT.clients, CONTEXT.clients, (0, 1, 2)), strict=True):
        by_hand = step.apply(by_hand, CONTEXT._replace(clients=clients))
    assert torch.equal(stack, by_hand)
    assert context == CONTEXT._replace(clients=(0, 1, 2))
    assert torch.equal(given, 3 * weights())
    assert rows_after(steps, N) == 3
    rules.make("trimmed_mean", f=1).aggregate(stack, context, {})


def test_chain_may_overwrite_what_it_is_given() -> None:
    given = 3 * weights()
    kept, _ = chain([make("clipping")], given, CONTEXT)
    result, _ = chain([make("clipping")], given, CONTEXT, overwrite=True)
    assert result is given
    assert torch.equal(result, kept)


def test_empty_chain_changes_nothing() -> None:
    given = weights()
    stack, context = chain([], given, CONTEXT)
    assert stack is given
    assert context is CONTEXT
    assert rows_after([], N) == N


def test_rows_after_refuses_a_chain_that_runs_out_of_rows() -> None:
    steps = [pre_aggregation.make("bucketing", size=4), make("nnm", f=3)]
    with pytest.raises(InputError, match="needs at least 4 updates, got 3"):
        rows_after(steps, N)


def test_every_rank_rule_takes_averaged_rankings() -> None:
    context = CONTEXT._replace(previous=rankings(1, seed=9)[0])
    for steps in ([make("nnm", f=2)], [pre_aggregation.make("bucketing", size=2)]):
        stack, after = chain(steps, rankings(), context)
        for name in rules.list():
            entry: Any = rules.get(name)
            if entry.space == "ranks":
                takes_f = any(p.name == "f" for p in rules.parameters(name))
                rule = rules.make(name, **({"f": 1} if takes_f else {}))
                assert rule.aggregate(stack, after, {}).vector.shape == (sum(LAYERS),)
