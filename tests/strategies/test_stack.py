"""Sorting networks, Gram matrices and sums against NumPy and brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from strategies.stack import blocks, combine, gram, network, norms, order, sparse


@pytest.fixture(autouse=True)
def _several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_CPU_BYTES", 0)
    monkeypatch.setattr(blocks, "_LEAST_COLUMNS", 7)


@pytest.mark.parametrize("n", range(1, 14))
def test_batcher_sorts_every_zero_one_input(n: int) -> None:
    """By the zero-one principle it then sorts every input."""
    inputs = torch.tensor(list(itertools.product([0, 1], repeat=n))).T.contiguous()
    groups = tuple(range(n))
    rows = network.run(network.network(groups), list(inputs.clone()), inputs[0].clone())
    assert torch.equal(torch.stack(rows), inputs.sort(dim=0).values)


@pytest.mark.parametrize("n", range(1, 11))
def test_pruned_network_puts_each_group_in_its_place(n: int) -> None:
    inputs = torch.tensor(list(itertools.product([0, 1], repeat=n))).T.contiguous()
    expected = inputs.sort(dim=0).values
    random = np.random.default_rng(n)
    for _ in range(20):
        bounds = np.sort(random.integers(0, n + 1, 3))
        labels = np.searchsorted(bounds, np.arange(n), side="right") - 1
        groups = tuple(int(label) for label in labels)
        rows = network.run(network.network(groups), list(inputs.clone()), inputs[0].clone())
        for label in set(groups) - {network.UNUSED}:
            places = [place for place in range(n) if groups[place] == label]
            got = torch.stack([rows[place] for place in places]).sort(dim=0).values
            assert torch.equal(got, expected[places])


def test_pruning_leaves_less_to_do() -> None:
    complete = network.network(tuple(range(25)))
    pruned = network.network(tuple(order.median_groups(25)))
    assert sum(c.want_low + c.want_high for c in pruned) < 1.6 * len(complete)


stacks = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(1, 20)),
    elements=st.floats(-100, 100, width=32),
)


@given(stacks)
def test_median(values: np.ndarray) -> None:
    expected = np.median(values.astype(np.float64), axis=0)
    assert np.allclose(order.median(torch.from_numpy(values)), expected, atol=1e-5)


@given(stacks, st.data())
def test_trimmed_sum(values: np.ndarray, data: st.DataObject) -> None:
    n = len(values)
    trim = data.draw(st.integers(0, (n - 1) // 2))
    expected = np.sort(values, axis=0)[trim : n - trim].sum(axis=0, dtype=np.float64)
    got = order.trimmed_sum(torch.from_numpy(values), trim, torch.float32)
    assert np.allclose(got, expected, atol=1e-3)


@settings(max_examples=200)
@given(stacks, st.data())
def test_mean_around_median(values: np.ndarray, data: st.DataObject) -> None:
    """Of two values at the same distance the smaller counts."""
    n = len(values)
    drop = data.draw(st.integers(0, n - 1))
    rows = data.draw(st.permutations(range(n)))
    median = np.median(values, axis=0)
    ordered = np.sort(values, axis=0)
    nearest = np.abs(ordered - median).argsort(axis=0, kind="stable")[: n - drop]
    expected = np.take_along_axis(ordered, nearest, axis=0).mean(axis=0, dtype=np.float64)
    got = order.mean_around_median(torch.from_numpy(values), drop, rows)
    assert np.allclose(got, expected, atol=1e-3)


def test_mean_around_median_of_some_rows() -> None:
    values = torch.tensor([[0.0], [1.0], [2.0], [50.0], [1000.0]])
    assert order.mean_around_median(values, 1, [0, 1, 3]).item() == 0.5


def test_gram_is_centred_and_weighs_layers() -> None:
    values = np.random.default_rng(0).standard_normal((5, 40))
    centred = values - values.mean(axis=0)
    product = gram.gram(torch.from_numpy(values))
    assert np.allclose(product, centred @ centred.T)
    assert np.allclose(gram.gram(torch.from_numpy(values), centred=False), values @ values.T)
    both = gram.gram(torch.from_numpy(values), layers=(15, 25), layer_weights=(2.0, 0.5))
    first, second = centred[:, :15], centred[:, 15:]
    assert np.allclose(both, 2 * first @ first.T + 0.5 * second @ second.T)
    distances = ((values[:, None] - values[None]) ** 2).sum(axis=-1)
    assert np.allclose(gram.squared_distances(product), distances)


def test_distances_survive_a_far_outlier() -> None:
    values = np.random.default_rng(0).standard_normal((6, 500)).astype(np.float32)
    exact = ((values[:5, None].astype(float) - values[None, :5]) ** 2).sum(axis=-1)
    values[5] *= 1e6
    distances = gram.squared_distances(gram.gram(torch.from_numpy(values)))
    assert np.allclose(distances[:5, :5], exact, rtol=1e-3)


def test_cosines_of_a_zero_row_are_zero() -> None:
    values = torch.tensor([[3.0, 4.0], [0.0, 0.0], [-4.0, 3.0], [6.0, 8.0]])
    cosines = gram.cosines(gram.gram(values, centred=False))
    expected = [[1, 0, 0, 1], [0, 0, 0, 0], [0, 0, 1, 0], [1, 0, 0, 1]]
    assert np.allclose(cosines, expected)


def test_spearman_weights_normalise_each_layer() -> None:
    """Opposite rankings are at distance 1, whatever the sizes of the layers."""
    layers = (1, 4, 300)
    ascending = np.concatenate([np.arange(size) for size in layers])
    descending = np.concatenate([np.arange(size)[::-1] for size in layers])
    stack = torch.from_numpy(np.stack([ascending, descending]).astype(np.int32))
    product = gram.gram(stack, layers=layers, layer_weights=gram.spearman_weights(layers))
    assert gram.squared_distances(product)[0, 1].item() == pytest.approx(2 / 3)
    alone = gram.gram(stack[:, 1:5], layers=(4,), layer_weights=gram.spearman_weights((4,)))
    assert gram.squared_distances(alone)[0, 1].item() == pytest.approx(1)


def test_sums_of_rows() -> None:
    values = np.random.default_rng(0).standard_normal((4, 30)).astype(np.float32)
    weights = torch.tensor([0.5, 0.0, -1.0, 2.0])
    got = combine.weighted_sum(torch.from_numpy(values), weights)
    assert np.allclose(got, weights.numpy() @ values, atol=1e-6)
    mean = combine.mean_of(torch.from_numpy(values), [3, 1])
    assert np.allclose(mean, values[[1, 3]].mean(axis=0), atol=1e-6)


def test_position_sums_grow_to_64_bits_when_they_must() -> None:
    assert combine.sum_dtype(910, 2_359_295) == torch.int32
    assert combine.sum_dtype(911, 2_359_296) == torch.int64
    huge = torch.full((3, 2), 2**30, dtype=torch.int32)
    assert combine.position_sum(huge, range(3), 2**30).tolist() == [3 * 2**30] * 2


def test_mixing_in_place_equals_mixing_aside() -> None:
    values = torch.randn(5, 50, generator=torch.Generator().manual_seed(0))
    matrix = torch.rand(5, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    aside = combine.mix(values, matrix, torch.empty_like(values))
    assert np.allclose(aside, matrix.numpy() @ values.numpy(), atol=1e-5)
    assert torch.equal(combine.mix(values, matrix, values), aside)


def test_mixing_positions_rounds() -> None:
    positions = torch.tensor([[0, 3, 2_000_001], [1, 3, 2_000_002]], dtype=torch.int32)
    matrix = torch.tensor([[0.75, 0.25]])
    mixed = combine.mix(positions, matrix, positions.new_empty(1, 3))
    assert mixed.tolist() == [[0, 3, 2_000_001]]


def test_norms_and_clipping() -> None:
    values = torch.tensor([[3.0, 4.0], [0.0, 0.0], [30.0, 40.0]])
    assert norms.norms(values).tolist() == [5, 0, 50]
    assert norms.norms(values, torch.tensor([0.0, 4.0])).tolist() == [
        3,
        4,
        pytest.approx((900 + 36**2) ** 0.5),
    ]
    assert norms.clip_factors(norms.norms(values), 10).tolist() == [1, 1, 0.2]


@given(arrays.arrays(np.float32, st.integers(1, 30), elements=st.integers(-4, 4)), st.data())
def test_largest_marks_exactly_k_and_the_lower_of_equals(
    values: np.ndarray, data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, len(values)))
    expected = np.zeros(len(values), dtype=bool)
    expected[np.argsort(-np.abs(values), kind="stable")[:k]] = True
    assert np.array_equal(sparse.largest(torch.from_numpy(values), k), expected)
