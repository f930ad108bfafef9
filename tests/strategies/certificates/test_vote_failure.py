"""Bounds on the failure of a yes-or-no vote against enumeration and simulation."""

from __future__ import annotations

from itertools import product
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frl.errors import InputError
from strategies.certificates.vote_failure import cantelli, exact, half_sqrt, margin


@pytest.mark.parametrize(("clients", "malicious"), [(1, 0), (4, 1), (5, 2), (6, 6), (7, 3)])
@pytest.mark.parametrize("wrong", [None, 0.0, 0.4])
def test_the_exact_value_is_that_of_all_outcomes(
    clients: int, malicious: int, wrong: float | None
) -> None:
    right = 0.7
    slip = 1 - right if wrong is None else wrong
    chances = [right] * (clients - malicious) + [slip] * malicious
    failed = 0.0
    for votes in product((0, 1), repeat=clients):
        if 2 * sum(votes) <= clients:
            failed += np.prod(
                [p if vote else 1 - p for vote, p in zip(votes, chances, strict=True)]
            )

    assert exact(clients, malicious, right, wrong=wrong) == pytest.approx(failed)


def test_the_exact_value_is_that_of_a_simulation() -> None:
    rng = np.random.default_rng(0)
    votes = rng.binomial(20, 0.8, 200_000) + rng.binomial(5, 0.2, 200_000)

    assert exact(25, 5, 0.8) == pytest.approx(np.mean(votes <= 12.5), abs=0.001)


@given(st.integers(1, 60), st.data(), st.floats(0.0, 1.0))
def test_the_bounds_hold_in_order(clients: int, data: st.DataObject, right: float) -> None:
    malicious = data.draw(st.integers(0, clients))
    share = malicious / clients

    truth = exact(clients, malicious, right)
    first, second = cantelli(clients, share, right), half_sqrt(clients, share, right)

    assert truth <= first + 1e-9
    assert first <= 1
    assert first <= second + 1e-9


@pytest.mark.parametrize(
    ("share", "right", "first", "second"),
    [(0.1, 0.7, 0.247, 0.286), (0.2, 0.8, 0.165, 0.222), (0.4, 0.9, 0.360, 0.375)],
)
def test_values_by_hand(share: float, right: float, first: float, second: float) -> None:
    assert cantelli(25, share, right) == pytest.approx(first, abs=5e-4)
    assert half_sqrt(25, share, right) == pytest.approx(second, abs=5e-4)


def test_a_malicious_half_leaves_no_margin() -> None:
    assert margin(25, 0.5, 0.9) == 0
    assert cantelli(25, 0.5, 0.9) == 1
    assert half_sqrt(25, 0.6, 0.9) == inf


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0, 0.5), "clients: got 0"),
        ((5, 6, 0.5), "malicious: got 6; takes 0 to clients = 5"),
        ((5, 1, 1.5), "right: got 1.5; takes 0 to 1"),
    ],
)
def test_what_is_no_probability_is_refused(arguments: tuple[int, int, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        exact(*arguments)
