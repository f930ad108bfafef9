from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from frl.training import selection
from frl.training.selection import CoatSelector, TopSelector, top_mask_torch


def by_sorting(values: np.ndarray, k: int) -> np.ndarray:
    order = np.argsort(values + np.float32(0.0), kind="stable")
    mask = np.zeros(values.size, dtype=bool)
    mask[order[values.size - k :]] = True
    return mask


@given(
    n=st.integers(1, 300),
    share=st.floats(0, 1),
    levels=st.integers(1, 400),
    seed=st.integers(0, 1000),
)
def test_selects_what_a_full_sort_selects(n: int, share: float, levels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = (rng.integers(-levels, levels + 1, n) / levels).astype(np.float32)
    k = round(share * n)

    mask = TopSelector(k).mask(values)

    np.testing.assert_array_equal(mask, by_sorting(values, k))
    np.testing.assert_array_equal(top_mask_torch(torch.from_numpy(values), k), mask)


@settings(max_examples=15)
@given(
    n=st.integers(4097, 30_000),
    keep=st.floats(0.01, 0.99),
    step=st.sampled_from([0.0, 1e-4, 1e-2, 1.0, 100.0]),
    ties=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_a_warm_selector_stays_exact_whatever_the_values_do(
    n: int, keep: float, step: float, ties: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(n).astype(np.float32)
    k = int(keep * n)
    selector = TopSelector(k)

    for _ in range(8):
        values = values + (step * rng.standard_normal(n)).astype(np.float32)
        seen = np.round(values, 1) if ties else values
        np.testing.assert_array_equal(selector.mask(seen), by_sorting(seen, k))


@pytest.mark.parametrize("sizes", [(50_000,), (50_000, 37_500, 25_000, 12_500)])
def test_the_next_client_begins_where_the_last_one_did(
    sizes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the same scores in another order, far from those that the last client ended with."""
    rng = np.random.default_rng(0)
    begun = rng.standard_normal(100_000).astype(np.float32)
    select = CoatSelector(sizes).count if len(sizes) > 1 else TopSelector(sizes[0]).mask

    def check(values: np.ndarray) -> None:
        expected = sum(by_sorting(values, k).astype(int) for k in sizes)
        np.testing.assert_array_equal(select(values), expected)

    for step in range(60):
        check(begun + np.float32(0.002 * step))
    centred: list[int] = []
    monkeypatch.setattr(selection._Band, "centre", lambda *_: centred.append(1))

    check(rng.permutation(begun))

    assert not centred, "no layer was searched as a whole"


def test_the_band_is_used_once_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal(100_000).astype(np.float32)
    selector = TopSelector(50_000)
    selector.mask(values)
    sizes = []
    partition = np.partition
    monkeypatch.setattr(np, "partition", lambda a, kth: sizes.append(a.size) or partition(a, kth))

    for _ in range(10):
        values = values + np.float32(1e-3) * rng.standard_normal(100_000).astype(np.float32)
        np.testing.assert_array_equal(selector.mask(values), by_sorting(values, 50_000))

    assert max(sizes) < 5_000


@pytest.mark.parametrize("value", [0.0, 1.0, np.inf])
def test_constant_values(value: float) -> None:
    values = np.full(10_000, value, dtype=np.float32)
    selector = TopSelector(1234)

    for _ in range(3):
        np.testing.assert_array_equal(selector.mask(values), by_sorting(values, 1234))
