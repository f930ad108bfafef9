"""Mean, median, trimmed mean, Meamed, sign votes and sparse rules against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from frl.errors import InputError
from strategies.rules import Rule, RuleContext, RuleState, make

N, D = 9, 40
VALUES = np.random.default_rng(0).standard_normal((N, D)).astype(np.float32)


def result(rule: Rule, values: np.ndarray = VALUES) -> np.ndarray:
    return rule(torch.from_numpy(values)).numpy()


def one_round(rule: Rule, values: np.ndarray, state: RuleState) -> tuple[np.ndarray, RuleState]:
    context = RuleContext(clients=tuple(range(len(values))), layers=(values.shape[1],))
    vector, state, *_ = rule.aggregate(torch.from_numpy(values), context, state)
    return vector.numpy(), state


def test_mean() -> None:
    assert np.allclose(result(make("mean")), VALUES.mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 8, 9])
def test_median(n: int) -> None:
    assert np.allclose(result(make("median"), VALUES[:n]), np.median(VALUES[:n], axis=0))


@pytest.mark.parametrize("f", range(5))
def test_trimmed_mean(f: int) -> None:
    expected = np.sort(VALUES, axis=0)[f : N - f].mean(axis=0)
    assert np.allclose(result(make("trimmed_mean", f=f)), expected, atol=1e-6)


@pytest.mark.parametrize("f", range(5))
def test_meamed(f: int) -> None:
    expected = []
    for column in VALUES.T:
        nearest = np.abs(column - np.median(column)).argsort()[: N - f]
        expected.append(column[nearest].mean())
    assert np.allclose(result(make("meamed", f=f)), expected, atol=1e-6)


def test_sign_sgd_counts_votes_and_a_draw_moves_nothing() -> None:
    values = np.array([[1, -9, 5, 0, 3], [2, 1, -5, 0, 9], [-9, -1, 0, 0, 1]], dtype=np.float32)
    moved = result(make("sign_sgd", scale=0.5), values)
    assert moved.tolist() == [0.5, -0.5, 0, 0, 0.5]


def test_topk_averages_what_was_sent() -> None:
    sent = np.zeros((3, 10), dtype=np.float32)
    sent[0, [1, 4]] = 3, -6
    sent[1, 4] = 9
    expected = [0, 1, 0, 0, 1, 0, 0, 0, 0, 0]
    assert np.allclose(result(make("topk", share=0.2), sent), expected)


def test_topk_cuts_a_client_that_sent_too_much() -> None:
    sent = np.zeros((2, 10), dtype=np.float32)
    sent[0] = np.arange(1, 11)
    assert np.allclose(result(make("topk", share=0.2), sent), [0] * 8 + [4.5, 5])


def test_sparsefed_by_definition() -> None:
    rule = make("sparsefed", bound=2.0, share=0.1, momentum=0.5)
    random = np.random.default_rng(3)
    momentum, error, state = np.zeros(D), np.zeros(D), rule.initial_state()
    for _ in range(4):
        values = random.standard_normal((N, D)).astype(np.float32)
        lengths = np.linalg.norm(values, axis=1, keepdims=True)
        momentum = 0.5 * momentum + (values * np.minimum(1, 2 / lengths)).mean(axis=0)
        error = error + momentum
        applied = np.abs(error).argsort()[-4:]
        expected = np.zeros(D)
        expected[applied] = error[applied]
        momentum[applied] = error[applied] = 0
        vector, state = one_round(rule, values, state)
        assert np.allclose(vector, expected, atol=1e-5)
        assert np.count_nonzero(vector) == 4


@pytest.mark.parametrize("share", [0.0, 1.5])
@pytest.mark.parametrize("name", ["topk", "sparsefed"])
def test_share_is_a_share(name: str, share: float) -> None:
    with pytest.raises(InputError, match=r"'share'.*\(0, 1\]"):
        make(name, share=share)
