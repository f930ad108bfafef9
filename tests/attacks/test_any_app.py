"""Every attack on an app that knows nothing of this project: it takes place, or is refused."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import numpy as np
import pytest
from flwr.app import Context, Message
from flwr.clientapp import ClientApp
from flwr.serverapp import strategy as flower

import attacks
from attacks.base import Knowledge
from frl.errors import InputError
from frl.grids import InProcessGrid
from frl.shard_transform import transformed
from strategies import Robust
from tests.plain_app import CLIENTS, WEIGHTS, client_app, content, record

MALICIOUS = (1, 4)
LABELS = np.array([7, 1, 2, 3, 7, 5, 6, 0, 8, 9])
SHARDS: dict[str, np.ndarray] = {
    "images": np.linspace(0, 1, 10 * 144, dtype=np.float32).reshape(10, 1, 12, 12),
    "table": np.linspace(-1, 1, 30, dtype=np.float32).reshape(10, 3),
    "tokens": np.arange(20).reshape(10, 2),
}
NEEDS_IMAGES = "needs images of shape"
ON_DATA: dict[str, dict[str, str]] = {
    "label_flip": {},
    "badnets": {"table": NEEDS_IMAGES, "tokens": NEEDS_IMAGES},
    "dba": {"table": NEEDS_IMAGES, "tokens": NEEDS_IMAGES},
    "semantic": {},
    "semantic(column=1, above=0.5)": {"images": "samples have shape"},
    "model_replacement": {"table": NEEDS_IMAGES, "tokens": NEEDS_IMAGES},
    'model_replacement(data="semantic")': {},
}
"""Attacks on data, and why they do not fit shards of a kind."""


def of(space: str) -> list[str]:
    return [name for name in attacks.registry.list() if attacks.make(name).space == space]


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("flwr"), "level", logging.CRITICAL)


def after(grid: Any, strategy: Any) -> dict[str, np.ndarray]:
    result = strategy.start(grid, record(WEIGHTS), num_rounds=2)
    return {name: array.numpy() for name, array in result.arrays.items()}


@cache
def clean() -> dict[str, np.ndarray]:
    app = client_app(mods=[attacks.adversary_mod()])
    return after(InProcessGrid(app, CLIENTS), Robust(flower.FedAvg(), rule="mean"))


def test_no_attack_is_left_out() -> None:
    tried = {name.partition("(")[0] for name in ON_DATA}

    assert tried == {*of("data"), "model_replacement"}
    assert {*of("weights"), *of("ranks"), *of("data")} == set(attacks.registry.list())


@pytest.mark.parametrize("name", [n for n in of("weights") if n not in ON_DATA])
def test_an_attack_on_weights_changes_what_colluders_send(name: str) -> None:
    strategy = Robust(flower.FedAvg(), rule="mean")
    rule = strategy.preview if Knowledge.RULE in attacks.make(name).needs() else None
    grid = InProcessGrid(client_app(mods=[attacks.adversary_mod()]), CLIENTS)

    found = after(attacks.hide(grid, name, malicious=MALICIOUS, rule=rule), strategy)

    assert any(not np.allclose(found[layer], clean()[layer], atol=1e-3) for layer in WEIGHTS)
    blamed = {verdict.client: verdict.reason for verdict in strategy.verdicts if verdict.by}
    assert blamed in ({}, dict.fromkeys(MALICIOUS, "non-finite"))


@pytest.mark.parametrize("name", of("ranks"))
def test_an_attack_on_rankings_is_refused(name: str) -> None:
    known: dict[str, Any] = {"rule": lambda updates: updates[0], "accuracy": lambda state: 0.0}
    grid = attacks.hide(InProcessGrid(client_app(), CLIENTS), name, malicious=MALICIOUS, **known)

    with pytest.raises(InputError, match="is an attack on ranks; clients send weights"):
        after(grid, flower.FedAvg())


@pytest.mark.parametrize("kind", SHARDS)
@pytest.mark.parametrize("attack", ON_DATA)
def test_an_attack_on_data_changes_the_shards_of_its_clients(attack: str, kind: str) -> None:
    seen: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    app = ClientApp(mods=[attacks.adversary_mod(classes=10)])

    @app.train()
    def train(message: Message, context: Context) -> Message:
        client = int(context.node_config["partition-id"])
        seen[client] = transformed(SHARDS[kind], LABELS)
        return Message(content(message, client), reply_to=message)

    strategy = Robust(flower.FedAvg(fraction_evaluate=0.0))
    grid = attacks.hide(InProcessGrid(app, CLIENTS), attack, malicious=MALICIOUS)
    before = SHARDS[kind].copy(), LABELS.copy()

    after(grid, strategy)

    failed = {verdict.client: verdict.detail for verdict in strategy.verdicts if verdict.by}
    reason = ON_DATA[attack].get(kind)
    assert set(failed) == (set(MALICIOUS) if reason else set())
    assert all(reason in detail for detail in failed.values())
    for client, (samples, labels) in seen.items():
        assert (samples.shape, samples.dtype, labels.dtype) == (
            before[0].shape,
            before[0].dtype,
            np.int64,
        )
        untouched = np.array_equal(samples, before[0]) and np.array_equal(labels, before[1])
        assert untouched == (client not in MALICIOUS)
    assert set(seen) == set(range(CLIENTS)) - set(failed)
    np.testing.assert_array_equal(SHARDS[kind], before[0])


def test_the_mod_can_be_sent_to_workers_of_ray() -> None:
    cloudpickle = pytest.importorskip("ray.cloudpickle")
    app = ClientApp(mods=[attacks.adversary_mod(classes=10)])

    assert isinstance(cloudpickle.loads(cloudpickle.dumps(app)), ClientApp)
