"""The rules that ByzFL has too, against ByzFL's (extra ``bench``).

Not CAF: ByzFL makes one power iteration from an unseeded start, and compares with the largest
deviation of all clients, also of those it has given weight 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from experiments.benchmarks import byzfl_reference
from experiments.benchmarks.rules import BYZFL, rows
from strategies import pre_aggregation, rules
from strategies.rules import RuleContext

byzfl: Any = byzfl_reference.load()
if byzfl is None:
    pytest.skip("byzfl is not installed", allow_module_level=True)

N, D = 11, 60
SEEDS = range(3)


def stack(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    values = random.standard_normal((N, D)) + 2 * random.standard_normal(D)
    values[:2] *= 4
    return values


def ours(name: str, values: np.ndarray, **params: Any) -> np.ndarray:
    return rules.make(name, **params)(torch.from_numpy(values.astype(np.float32))).numpy()


def prepared(name: str, values: np.ndarray, **params: Any) -> np.ndarray:
    step = pre_aggregation.make(name, **params)
    updates = torch.from_numpy(values.astype(np.float32))
    return step.apply(updates, RuleContext(tuple(range(N)), (D,))).numpy()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("f", [1, 2, 4])
@pytest.mark.parametrize(
    ("name", "theirs"),
    [("trimmed_mean", "TrMean"), ("meamed", "Meamed"), ("mda", "MDA")],
)
def test_rules_with_f(name: str, theirs: str, f: int, seed: int) -> None:
    values = stack(seed)
    assert np.allclose(ours(name, values, f=f), getattr(byzfl, theirs)(f=f)(values), atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_rules_without_parameters(seed: int) -> None:
    values = stack(seed)
    assert np.allclose(ours("mean", values), byzfl.Average()(values), atol=1e-5)
    assert np.allclose(ours("median", values), byzfl.Median()(values), atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("f", [1, 2, 3])
def test_krum_counts_one_neighbour_less(f: int, seed: int) -> None:
    """ByzFL adds n-f-1 distances where the paper has n-f-2."""
    values = stack(seed)
    assert np.allclose(ours("krum", values, f=f), byzfl.Krum(f=f + 1)(values))
    got = ours("multi_krum", values, f=f, select=N - f - 1)
    assert np.allclose(got, byzfl.MultiKrum(f=f + 1)(values), atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_geometric_median(seed: int) -> None:
    values = stack(seed)
    expected = byzfl.GeometricMedian(nu=1e-9, T=2000)(values)
    assert np.allclose(ours("geometric_median", values), expected, atol=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_centered_clipping(seed: int) -> None:
    values = stack(seed)
    expected = byzfl.CenteredClipping(L=3, tau=5.0)(values)
    assert np.allclose(
        ours("centered_clipping", values, tau=5.0, iterations=3), expected, atol=1e-5
    )


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("f", [0, 2, 4])
def test_pre_aggregations(f: int, seed: int) -> None:
    values = stack(seed)
    assert np.allclose(prepared("nnm", values, f=f), byzfl.NNM(f=f)(values), atol=1e-5)
    assert np.allclose(prepared("arc", values, f=f), byzfl.ARC(f=f)(values.copy()), atol=1e-5)
    clipped = byzfl.Clipping(c=3.0)(values.copy())
    assert np.allclose(prepared("clipping", values, bound=3.0), clipped, atol=1e-5)


def test_benchmark_measures_both_sides() -> None:
    names = [*BYZFL, "sum", "fltrust"]
    measured = {row.name: row for row in rows(d=2000, n=7, f=1, names=names)}
    assert list(measured) == names
    for name in BYZFL:
        row = measured[name]
        assert row.byzfl_torch is not None
        assert row.byzfl_numpy is not None
        assert row.ratio == min(row.byzfl_torch, row.byzfl_numpy) / row.seconds
    assert measured["sum"].note == "ByzFL has none"
