"""A rule that compares clients with the server's own update, behind Robust."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
from flwr.app import ArrayRecord, ConfigRecord
from flwr.serverapp import strategy as flower

from frl.errors import InputError
from frl.grids import InProcessGrid
from strategies import Limits, Robust
from tests.plain_app import BUFFERS, CLIENTS, WEIGHTS, Evil, client_app, record, run, trained
from tests.strategies.test_robust_memory import opposed

STATE = {**WEIGHTS, **BUFFERS}
SERVER = CLIENTS + 1
"""Draws the point that the server trains towards."""


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("flwr"), "level", logging.CRITICAL)


def plain(arrays: ArrayRecord) -> dict[str, np.ndarray]:
    return {name: array.numpy() for name, array in arrays.items()}


def on_server(server_round: int, arrays: ArrayRecord) -> ArrayRecord:
    return record(trained(plain(arrays), SERVER))


def vector(arrays: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([arrays[name].astype(float).reshape(-1) for name in WEIGHTS])


@pytest.mark.parametrize("evil", [{}, {2: opposed, 5: opposed}], ids=["clean", "attacked"])
def test_fltrust_weighs_clients_by_what_the_server_trained(evil: dict[int, Evil]) -> None:
    """By NumPy, after equation (3) of Cao et al. 2021."""
    strategy = Robust(flower.FedAvg(), rule="fltrust", root=on_server)
    found, _ = run(strategy, STATE, evil, rounds=1)

    old = vector(STATE)
    own = vector(trained(STATE, SERVER)) - old
    sent = np.stack([vector(trained(STATE, client)) - old for client in range(CLIENTS)])
    sent[list(evil)] *= -1
    lengths = np.linalg.norm(sent, axis=1)
    trust = np.maximum(0, sent @ own / (lengths * np.linalg.norm(own)))
    scaled = sent * (np.linalg.norm(own) / lengths)[:, None]
    expected = old + trust @ scaled / trust.sum()

    np.testing.assert_allclose(vector(found), expected, atol=2e-3)
    assert {v.client for v in strategy.verdicts if v.by == "rule"} == set(evil)


def test_the_server_trains_once_a_round_also_for_who_asks_the_rule() -> None:
    rounds: list[int] = []

    def counted(server_round: int, arrays: ArrayRecord) -> ArrayRecord:
        rounds.append(server_round)
        return on_server(server_round, arrays)

    strategy = Robust(flower.FedAvg(), rule="fltrust", root=counted)
    grid = InProcessGrid(client_app(), CLIENTS)
    strategy.configure_train(1, record(STATE), ConfigRecord(), grid)
    update = {name: np.ones(values.size, np.float32) for name, values in WEIGHTS.items()}
    strategy.preview([update, update])
    strategy.preview([update])
    run(strategy, STATE, rounds=2)

    assert rounds == [1, 1, 2]


def without_a_layer(server_round: int, arrays: ArrayRecord) -> ArrayRecord:
    return record({name: values for name, values in plain(arrays).items() if name != "wide"})


def not_finite(server_round: int, arrays: ArrayRecord) -> ArrayRecord:
    return record({**plain(arrays), "wide": np.full(5, np.nan)})


def far(server_round: int, arrays: ArrayRecord) -> ArrayRecord:
    return record({**plain(arrays), "wide": np.full(5, 50.0)})


@pytest.mark.parametrize(
    ("root", "complaint"),
    [
        (without_a_layer, "^root: wrong-layers: "),
        (not_finite, "^root: non-finite: layer 'wide'; takes a function that trains"),
        (far, "^root: absurd-norm: "),
    ],
)
def test_what_the_server_trained_wrong_stops_the_run(root: Any, complaint: str) -> None:
    strategy = Robust(flower.FedAvg(), rule="fltrust", root=root, gate=Limits(most_norm=10))

    with pytest.raises(InputError, match=complaint):
        run(strategy, STATE, rounds=1)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"rule": "fltrust"}, r"^rule: FLTrust\(\) needs an update that the server .*takes root=$"),
        ({"rule": "median", "root": on_server}, r"^root: Median\(\) needs no update"),
    ],
)
def test_a_rule_that_lacks_it_or_has_no_use_for_it_is_refused(given: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        Robust(flower.FedAvg(), **given)
