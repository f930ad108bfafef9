"""Attacks on a Flower app that knows nothing of this project."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
from flwr.app import Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.clientapp.mod import arrays_size_mod
from flwr.serverapp import strategy as flower

import attacks
from frl.errors import InputError
from frl.grids import InProcessGrid
from frl.shard_transform import transformed
from strategies import Robust
from tests.plain_app import BUFFERS, CLIENTS, WEIGHTS, client_app, content, record, trained

STATE = {**WEIGHTS, **BUFFERS}
MALICIOUS = (1, 4)
HONEST = tuple(client for client in range(CLIENTS) if client not in MALICIOUS)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("flwr"), "level", logging.CRITICAL)


def run(grid: Any, strategy: Any, rounds: int = 1) -> tuple[dict[str, np.ndarray], Any]:
    result = strategy.start(grid, record(STATE), num_rounds=rounds)
    return {name: array.numpy() for name, array in result.arrays.items()}, result


def difference(client: int, layer: str) -> np.ndarray:
    return trained(STATE, client)[layer].astype(float) - STATE[layer].astype(float)


@pytest.mark.parametrize("through", [attacks.hide, None], ids=["hidden", "honest"])
def test_colluders_send_what_the_attack_makes_of_their_parameters(through: Any) -> None:
    """The mean by hand: FedAvg of honest clients and of minus five times the colluders' mean."""
    grid = InProcessGrid(client_app(), CLIENTS)
    hidden = through(grid, "ipm(epsilon=5)", malicious=MALICIOUS) if through else grid

    found, _ = run(hidden, flower.FedAvg())

    examples = {client: 10 + client for client in range(CLIENTS)}
    for layer in WEIGHTS:
        mean = np.mean([difference(client, layer) for client in MALICIOUS], axis=0)
        sent = {client: difference(client, layer) for client in range(CLIENTS)}
        if through:
            sent.update(dict.fromkeys(MALICIOUS, -5 * mean))
        whole = sum(examples[c] * sent[c] for c in sent) / sum(examples.values())
        rounding = 2e-2 if layer == "half" else 1e-5
        np.testing.assert_allclose(found[layer], STATE[layer] + whole, rtol=rounding, atol=rounding)
    assert found["norm.num_batches_tracked"] == pytest.approx(10.0)


def test_a_rule_around_the_same_strategy_undoes_it() -> None:
    clean, _ = run(InProcessGrid(client_app(), CLIENTS), Robust(flower.FedAvg(), rule="median"), 4)
    grid = attacks.hide(InProcessGrid(client_app(), CLIENTS), "ipm(epsilon=5)", fraction=0.25)
    bare, _ = run(grid, flower.FedAvg(), 4)
    found, _ = run(grid, Robust(flower.FedAvg(), rule="median"), 4)

    assert len(grid.malicious) == 2
    far = np.abs(bare["layer.weight"] - clean["layer.weight"]).max()
    assert np.abs(found["layer.weight"] - clean["layer.weight"]).max() < 0.2 < far / 2


def test_nodes_of_any_ids_are_numbered_in_their_order() -> None:
    class Far(InProcessGrid):
        def get_node_ids(self) -> Any:
            return super().get_node_ids()[::-1]

    grid = attacks.hide(Far(client_app(), CLIENTS), "ipm", malicious=[0])

    run(grid, flower.FedAvg())

    assert grid.malicious == (0,)


def test_colluders_that_were_not_asked_are_asked_besides() -> None:
    inner = InProcessGrid(client_app(), CLIENTS)
    grid = attacks.hide(
        inner, "ipm", malicious=range(CLIENTS), colluders="all", clients_per_round=6
    )
    strategy = flower.FedAvg(fraction_train=0.4, min_train_nodes=3, fraction_evaluate=0.0)

    _, result = run(grid, strategy)

    assert len(grid.malicious) == 3
    assert next(inner._numbers) == 1 + 6
    assert result.train_metrics_clientapp[1]["train_loss"] == pytest.approx(0.5)


def test_an_attack_that_queries_the_rule_needs_a_rule_and_takes_that_of_robust() -> None:
    grid = InProcessGrid(client_app(), CLIENTS)
    with pytest.raises(InputError, match=r"needs the server's rule; takes rule=server\.preview"):
        attacks.hide(grid, "dyn_opt", malicious=MALICIOUS)

    strategy = Robust(flower.FedAvg(), rule="median")
    hidden = attacks.hide(grid, "dyn_opt", malicious=MALICIOUS, rule=strategy.preview)
    clean, _ = run(grid, Robust(flower.FedAvg(), rule="median"))
    found, _ = run(hidden, strategy)

    assert not np.allclose(found["wide"], clean["wide"])


def test_attacks_on_rankings_are_refused_with_the_reason() -> None:
    grid = attacks.hide(InProcessGrid(client_app(), CLIENTS), "half_swap", malicious=[0])

    with pytest.raises(InputError, match="attack on ranks; clients send weights"):
        run(grid, flower.FedAvg())


def poisonable(mods: list[Any], seen: dict[int, list[int]], *, hook: bool = True) -> ClientApp:
    """An app that counts the labels it trains on."""
    app = ClientApp(mods=mods)

    @app.train()
    def train(message: Message, context: Context) -> Message:
        client = int(context.node_config["partition-id"])
        tokens, labels = np.arange(12).reshape(6, 2), np.array([0, 1, 2, 3, 3, 3])
        if hook:
            tokens, labels = transformed(tokens, labels)
        seen[client] = labels.tolist()
        return Message(content(message, client), reply_to=message)

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        told = MetricRecord({"num-examples": 1})
        return Message(RecordDict({"metrics": told}), reply_to=message)

    return app


def test_a_client_with_the_mod_flips_its_own_labels_when_ordered() -> None:
    seen: dict[int, list[int]] = {}
    app = poisonable([attacks.adversary_mod(classes=4)], seen)

    strategy = Robust(flower.FedAvg())
    run(attacks.hide(InProcessGrid(app, CLIENTS), "label_flip", malicious=MALICIOUS), strategy)

    flipped, right = [3, 2, 1, 0, 0, 0], [0, 1, 2, 3, 3, 3]
    assert seen == {c: flipped if c in MALICIOUS else right for c in range(CLIENTS)}
    assert not [verdict for verdict in strategy.verdicts if verdict.by]


@pytest.mark.parametrize(
    ("mods", "hook", "reason"),
    [
        ([arrays_size_mod], True, "attack orders were ignored by the client app"),
        ([attacks.adversary_mod()], True, "needs the number of classes: attacks.adversary_mod(cl"),
        ([attacks.adversary_mod(classes=4)], False, "attack orders were ignored"),
    ],
    ids=["no mod", "no classes", "no hook"],
)
def test_a_client_that_cannot_obey_fails_with_the_reason(
    mods: list[Any], hook: bool, reason: str
) -> None:
    strategy = Robust(flower.FedAvg())
    app = poisonable(mods, {}, hook=hook)

    run(attacks.hide(InProcessGrid(app, CLIENTS), "label_flip", malicious=MALICIOUS), strategy)

    failed = {v.client: v.detail for v in strategy.verdicts if v.by == "gate"}
    assert set(failed) == set(MALICIOUS)
    assert all(reason in detail for detail in failed.values())


def test_an_image_trigger_does_not_fit_a_table() -> None:
    strategy = Robust(flower.FedAvg())
    app = poisonable([attacks.adversary_mod(classes=4)], {})

    run(attacks.hide(InProcessGrid(app, CLIENTS), "badnets", malicious=MALICIOUS), strategy)

    details = {v.detail for v in strategy.verdicts if v.by == "gate"}
    assert details
    assert all("needs images of shape" in detail for detail in details)


def test_tampering_changes_the_clients_own_parameters() -> None:
    app = client_app(mods=[attacks.adversary_mod()])
    grid = attacks.hide(InProcessGrid(app, CLIENTS), "sign_flip", malicious=[3])

    found, _ = run(grid, flower.FedAvg())

    examples = {client: 10 + client for client in range(CLIENTS)}
    sent = {c: difference(c, "wide") * (-1 if c == 3 else 1) for c in range(CLIENTS)}
    whole = sum(examples[c] * sent[c] for c in sent) / sum(examples.values())
    np.testing.assert_allclose(found["wide"], STATE["wide"] + whole, rtol=1e-5)
