"""Robust around Flower's own strategies: the same steps, and no reply that stops or steers it."""

from __future__ import annotations

import json
import logging
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import (
    Array,
    ArrayRecord,
    ConfigRecord,
    Error,
    Message,
    MetricRecord,
    RecordDict,
)
from flwr.serverapp import strategy as flower
from flwr.serverapp.strategy import Strategy

from frl.errors import InputError, StoppedError
from frl.grids import InProcessGrid
from strategies import FRL, Limits, Robust
from strategies.rules import make
from tests.plain_app import (
    BUFFERS,
    CLIENTS,
    INNER,
    WEIGHTS,
    Evil,
    client_app,
    record,
    run,
    trained,
)

EVIL = (2, 5)
STATE = {**WEIGHTS, **BUFFERS}


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("flwr"), "level", logging.CRITICAL)
    monkeypatch.setattr("gc.collect", lambda *_: 0)  # QFedAvg's, twice a reply


@pytest.mark.parametrize("name", INNER)
def test_with_the_mean_it_steps_as_the_inner_strategy_alone(name: str) -> None:
    """FedAdam alone goes over to float64; here types stay, so the oracle is rounded to them."""
    bare, _ = run(INNER[name](), WEIGHTS)
    found, _ = run(Robust(INNER[name](), rule="mean"), WEIGHTS)

    assert list(found) == list(WEIGHTS)
    for layer, values in found.items():
        assert values.dtype == WEIGHTS[layer].dtype
        rounding = 2e-2 if values.dtype == np.float16 else 2e-5
        np.testing.assert_allclose(values, bare[layer], rtol=rounding, atol=rounding)
    assert not np.allclose(found["wide"], WEIGHTS["wide"], atol=1e-3)


def test_with_the_mean_statistics_are_those_of_fedavg() -> None:
    bare, _ = run(flower.FedAvg(), STATE)
    found, _ = run(Robust(flower.FedAvg(), rule="mean"), STATE)

    for layer in ("norm.running_mean", "norm.running_var", *WEIGHTS):
        np.testing.assert_allclose(
            found[layer], bare[layer], rtol=1e-2 if layer == "half" else 1e-5
        )


@pytest.mark.parametrize("name", INNER)
def test_buffers_are_medians_in_their_own_types_and_no_optimiser_steps_on_them(name: str) -> None:
    found, _ = run(Robust(INNER[name](), rule="trimmed_mean(f=2)"), STATE)

    variances = [trained(STATE, client)["norm.running_var"] for client in range(CLIENTS)]
    np.testing.assert_array_equal(found["norm.running_var"], np.median(variances, axis=0))
    assert found["norm.num_batches_tracked"] == 30
    assert {name: found[name].dtype for name in STATE} == {n: a.dtype for n, a in STATE.items()}
    assert {name: found[name].shape for name in STATE} == {n: a.shape for n, a in STATE.items()}
    np.testing.assert_array_equal(found["mask"], STATE["mask"])


def test_the_inner_strategy_gets_what_the_rule_made() -> None:
    """Against the coordinate-wise median of the clients' own parameters, by NumPy."""
    found, _ = run(Robust(flower.FedAvg(), rule="median"), WEIGHTS, rounds=1)

    for layer, values in found.items():
        whole = [trained(WEIGHTS, client)[layer].astype(float) for client in range(CLIENTS)]
        np.testing.assert_allclose(values, np.median(whole, axis=0), atol=2e-3)


def changed(**arrays: Any) -> Evil:
    def evil(message: Message, good: RecordDict) -> Message:
        sent = {name: array.numpy() for name, array in good.array_records["arrays"].items()}
        return Message(RecordDict({**good, "arrays": record({**sent, **arrays})}), reply_to=message)

    return evil


def records(*left_out: str, **more: Any) -> Evil:
    def evil(message: Message, good: RecordDict) -> Message:
        kept = {name: part for name, part in good.items() if name not in left_out}
        return Message(RecordDict({**kept, **more}), reply_to=message)

    return evil


def metrics(**values: Any) -> Evil:
    told = {"num-examples": 10, "train_loss": 0.5, "curve": [1.0, 0.1], **values}
    told = {name.replace("num_examples", "num-examples"): told[name] for name in told}
    return records(metrics=MetricRecord({n: v for n, v in told.items() if v is not None}))


def array(**fields: Any) -> Evil:
    """A reply whose first layer is this array, whatever it says of itself."""
    given = {"dtype": "float32", "shape": (3, 4), "stype": "numpy.ndarray", "data": b"", **fields}

    def evil(message: Message, good: RecordDict) -> Message:
        arrays = ArrayRecord({**good.array_records["arrays"], "layer.weight": Array(**given)})
        return Message(RecordDict({**good, "arrays": arrays}), reply_to=message)

    return evil


def gone(message: Message, good: RecordDict) -> Message:
    return Message(Error(code=2, reason="gone"), reply_to=message)


def raises(message: Message, good: RecordDict) -> Message:
    raise MemoryError


def without(message: Message, good: RecordDict) -> Message:
    arrays = {n: a for n, a in good.array_records["arrays"].items() if n != "scale"}
    return Message(RecordDict({**good, "arrays": ArrayRecord(arrays)}), reply_to=message)


def flood(message: Message, good: RecordDict) -> Message:
    layer = Array(np.zeros(1, dtype=np.float32))
    many = ArrayRecord({f"layer-{number}": layer for number in range(1000)})
    return Message(RecordDict({**good, "arrays": many}), reply_to=message)


NAN = np.full((3, 4), np.nan, np.float32)
BAD: dict[str, tuple[Evil, str]] = {
    "an error": (gone, "error"),
    "an exception": (raises, "error"),
    "no arrays": (records("arrays"), "no-update"),
    "two records of arrays": (records(more=record(WEIGHTS)), "extra-records"),
    "no metrics": (records("metrics"), "wrong-metrics"),
    "two records of metrics": (records(more=MetricRecord({"a": 1})), "extra-records"),
    "nothing": (records("metrics", "arrays"), "no-update"),
    "a layer less": (without, "wrong-layers"),
    "a layer more": (changed(more=np.zeros(1, np.float32)), "wrong-layers"),
    "many layers": (flood, "wrong-layers"),
    "another shape": (changed(wide=np.zeros(6)), "wrong-shape"),
    "a shape that broadcasts": (changed(wide=np.zeros(1)), "wrong-shape"),
    "another type": (changed(wide=np.zeros(5, np.float32)), "wrong-dtype"),
    "complex numbers": (changed(wide=np.zeros(5, np.complex64)), "wrong-dtype"),
    "text": (changed(wide=np.array(["x"] * 5)), "wrong-dtype"),
    "a counter as float": (changed(**{"norm.num_batches_tracked": 1.0}), "wrong-dtype"),
    "NaN": (changed(**{"layer.weight": NAN}), "non-finite"),
    "infinity": (changed(scale=np.float32(-np.inf)), "non-finite"),
    "NaN in a statistic": (changed(**{"norm.running_var": NAN[0, :3]}), "non-finite"),
    "far away": (changed(wide=np.full(5, 1e7)), "absurd-norm"),
    "beyond float32": (changed(wide=np.full(5, 1e300)), "non-finite"),
    "no bytes": (array(), "undecodable"),
    "bytes that are no array": (array(data=b"\x93NUMPY\x01\x00" + b"\xff" * 60), "undecodable"),
    "a pickle": (array(data=b"\x80\x04K\x01."), "undecodable"),
    "another serialisation": (array(stype="my.packed"), "wrong-dtype"),
    "no examples told": (metrics(num_examples=None), "sample-count"),
    "fewer than none": (metrics(num_examples=-1), "sample-count"),
    "NaN examples": (metrics(num_examples=float("nan")), "wrong-metrics"),
    "a list of examples": (metrics(num_examples=[10, 10]), "sample-count"),
    "absurdly many": (metrics(num_examples=10**12), "sample-count"),
    "a huge integer": (metrics(train_loss=10**400), "wrong-metrics"),
    "NaN loss": (metrics(train_loss=float("nan")), "wrong-metrics"),
    "infinity in a list": (metrics(curve=[1.0, float("inf")]), "wrong-metrics"),
    "a longer list": (metrics(curve=[1.0, 2.0, 3.0]), "wrong-metrics"),
    "a number for a list": (metrics(curve=1.0), "wrong-metrics"),
    "a metric less": (metrics(curve=None), "wrong-metrics"),
    "a metric more": (metrics(more=1.0), "wrong-metrics"),
    "very many metrics": (metrics(**{f"m{n}": 0.0 for n in range(2000)}), "wrong-metrics"),
}


@cache
def without_them(name: str) -> dict[str, np.ndarray]:
    strategy = Robust(INNER[name](), rule="mean")
    return run(strategy, STATE, dict.fromkeys(EVIL, gone), rounds=1)[0]


SIX = [name for name in INNER if name != "QFedAvg"]


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("name", SIX)
def test_no_reply_raises_and_the_round_is_as_if_it_had_failed(name: str, kind: str) -> None:
    evil, reason = BAD[kind]
    strategy = Robust(INNER[name](), rule="mean")
    found, result = run(strategy, STATE, dict.fromkeys(EVIL, evil), rounds=1)

    assert [(v.client, v.reason) for v in strategy.verdicts if v.by] == [(c, reason) for c in EVIL]
    for layer, values in found.items():
        np.testing.assert_array_equal(values, without_them(name)[layer])
    assert result.train_metrics_clientapp[1]["robust-rejected"] == len(EVIL)
    assert result.train_metrics_clientapp[1]["train_loss"] == pytest.approx(0.5)
    assert set(result.evaluate_metrics_clientapp[1]) == {"train_loss", "curve"}


@pytest.mark.parametrize("name", SIX)
def test_a_record_of_configuration_is_no_fault_and_is_not_read(name: str) -> None:
    evil = records(extra=ConfigRecord({"num-examples": "many"}))
    strategy = Robust(INNER[name](), rule="mean")

    run(strategy, STATE, dict.fromkeys(EVIL, evil), rounds=1)

    assert not [verdict for verdict in strategy.verdicts if verdict.by]


@pytest.mark.parametrize("name", SIX)
def test_second_replies_strangers_and_silence_are_told_apart(name: str) -> None:
    strategy = Robust(INNER[name](), rule="median")
    grid = InProcessGrid(client_app(), CLIENTS)
    sent = strategy.configure_train(1, record(STATE), ConfigRecord(), grid)
    replies = list(grid.send_and_receive(sent))
    stray = Message(Error(code=1, reason="?"), reply_to=sent[0])
    stray.metadata.__dict__["_reply_to_message_id"] = "nobody"

    arrays, told = strategy.aggregate_train(1, [*replies[1:], replies[3], stray, object()])  # type: ignore[list-item]

    assert arrays is not None
    assert told is not None
    reasons = sorted(v.reason for v in strategy.verdicts if v.by)
    assert reasons == ["duplicate", "late", "not-asked", "not-asked"]
    assert (told["robust-not-asked"], told["robust-admitted"]) == (2, CLIENTS - 1)


def test_when_all_replies_are_bad_the_state_stays_what_it_was() -> None:
    evil = dict.fromkeys(range(CLIENTS), BAD["NaN"][0])

    found, result = run(Robust(flower.FedAdam()), STATE, evil)

    for layer, values in STATE.items():
        np.testing.assert_array_equal(found[layer], values)
    assert [row["robust-kept"] for row in result.train_metrics_clientapp.values()] == [1, 1, 1]


def test_too_few_replies_for_the_rule_keep_the_state() -> None:
    evil = dict.fromkeys(range(5), gone)

    found, _ = run(Robust(flower.FedAvg(), rule="multi_krum(f=2)"), STATE, evil, rounds=1)

    np.testing.assert_array_equal(found["wide"], STATE["wide"])


def test_clients_that_declare_no_examples_keep_the_state() -> None:
    none = dict.fromkeys(range(CLIENTS), metrics(num_examples=0))

    found, result = run(Robust(flower.FedAvg()), STATE, none, rounds=1)

    np.testing.assert_array_equal(found["wide"], STATE["wide"])
    assert not result.evaluate_metrics_clientapp


def test_metrics_that_the_strategy_cannot_do_without_keep_the_state() -> None:
    """Those of all who answered: no majority is there that would show up who left them out."""
    evil = dict.fromkeys(range(7), gone) | dict.fromkeys((7, 8), metrics(train_loss=None))
    strategy = Robust(flower.QFedAvg(client_learning_rate=0.1, q=0.0))

    found, result = run(strategy, STATE, evil, rounds=1)

    np.testing.assert_array_equal(found["wide"], STATE["wide"])
    assert result.train_metrics_clientapp[1]["robust-kept"] == 1


def test_an_own_function_that_fails_on_metrics_of_evaluation_leaves_them_out() -> None:
    def own(contents: list[RecordDict], key: str) -> MetricRecord:
        return MetricRecord({"loss": contents[0].metric_records["metrics"]["no such"]})

    strategy = Robust(flower.FedAvg(evaluate_metrics_aggr_fn=own))

    found, result = run(strategy, STATE, rounds=1)

    assert not np.array_equal(found["wide"], STATE["wide"])
    assert not result.evaluate_metrics_clientapp


def test_a_step_beyond_the_type_is_neither_taken_nor_remembered() -> None:
    """Ten times 6e4 is no float16; the next round goes as it would have gone without it."""
    state = {"half": np.zeros(3, np.float16)}
    inner = flower.FedAvgM(server_momentum=0.9, server_learning_rate=10.0)
    strategy = Robust(inner)

    def all_send(value: float) -> dict[int, Evil]:
        return dict.fromkeys(range(CLIENTS), changed(half=np.full(3, value, np.float16)))

    kept, result = run(strategy, state, all_send(6e4), rounds=1)
    found, _ = run(strategy, state, all_send(0.5), rounds=1)

    assert result.train_metrics_clientapp[1]["robust-kept"] == 1
    np.testing.assert_array_equal(kept["half"], state["half"])
    np.testing.assert_array_equal(found["half"], np.full(3, 5, np.float16))


FAR = changed(wide=np.full(5, 1e3))


@pytest.mark.parametrize(("at_most", "kept"), [(1, 1), (2, 0), (None, 0)])
@pytest.mark.parametrize("evil", [FAR, BAD["NaN"][0]], ids=["dropped", "rejected"])
def test_more_suspects_than_allowed_keep_the_state(evil: Evil, at_most: Any, kept: int) -> None:
    inner = flower.FedAvgM(server_momentum=0.9)
    strategy = Robust(inner, rule="multi_krum(f=2, select=7)", at_most=at_most)

    drop = {2: evil, 5: evil}
    found, result = run(strategy, STATE, drop, rounds=1)

    assert result.train_metrics_clientapp[1]["robust-kept"] == kept
    assert np.array_equal(found["wide"], STATE["wide"]) == bool(kept)
    assert (inner.momentum_vector is None) == bool(kept)


def test_more_suspects_than_allowed_stop_the_run_where_asked() -> None:
    strategy = Robust(flower.FedAvg(), rule="median", at_most=1, otherwise="stop")

    with pytest.raises(StoppedError, match=r"round 1: 2 suspects, more than at_most = 1: nodes"):
        run(strategy, STATE, dict.fromkeys(EVIL, BAD["NaN"][0]))


@pytest.mark.parametrize("broken", [gone, raises])
def test_a_client_that_failed_is_no_suspect(broken: Evil) -> None:
    strategy = Robust(flower.FedAvg(), rule="median", at_most=0, otherwise="stop")

    run(strategy, STATE, dict.fromkeys(EVIL, broken))


def test_every_node_is_reported_with_weight_and_reason(tmp_path: Path) -> None:
    file = tmp_path / "detection.jsonl"
    strategy = Robust(flower.FedAvg(), rule="multi_krum(f=2, select=7)", detection_file=file)

    _, result = run(strategy, STATE, {2: FAR, 5: BAD["NaN"][0]}, rounds=2)

    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(row["round"], row["client"]) for row in rows] == [
        (round, client) for round in (1, 2) for client in range(CLIENTS)
    ]
    told = result.train_metrics_clientapp[2]
    assert told["robust-nodes"] == [row["node"] for row in rows[CLIENTS:]]
    assert told["robust-weights"] == [row["weight"] for row in rows[CLIENTS:]]
    assert told["robust-by"][5] == 1
    assert told["robust-by"][2] == 2
    assert (rows[2]["weight"], rows[2]["by"], rows[2]["reason"]) == (0.0, "rule", "dropped")
    assert (rows[5]["weight"], rows[5]["by"], rows[5]["reason"]) == (0.0, "gate", "non-finite")
    assert rows[0]["weight"] == 1.0
    assert told["robust-dropped"] == 1


def test_own_functions_for_metrics_see_the_admitted_clients_once() -> None:
    seen: list[int] = []

    def own(contents: list[RecordDict], key: str) -> MetricRecord:
        seen.append(len(contents))
        most = max(c.metric_records["metrics"][key] for c in contents)  # type: ignore[type-var]
        return MetricRecord({"most": most})  # type: ignore[dict-item]

    inner = flower.FedAvg(train_metrics_aggr_fn=own)
    _, result = run(Robust(inner), STATE, {8: BAD["NaN"][0]}, rounds=1)

    assert seen == [8]
    assert result.train_metrics_clientapp[1]["most"] == 17
    assert inner.train_metrics_aggr_fn is own


class OwnLoop(flower.FedAvg):
    def start(self, *given: Any, **named: Any) -> Any:
        return super().start(*given, **named)


class NoAverage(Strategy):
    configure_train = configure_evaluate = aggregate_train = aggregate_evaluate = None  # type: ignore[assignment]
    summary = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("inner", "complaint"),
    [
        (flower.Krum(num_malicious_nodes=1), "Krum: it is a rule itself"),
        (flower.FedMedian(), "FedMedian: it is a rule itself"),
        (flower.Bulyan(), "Bulyan: it is a rule itself"),
        (flower.FedTrimmedAvg(), "FedTrimmedAvg: it is a rule itself"),
        (flower.FedXgbBagging(), "FedXgbBagging: its clients send trees"),
        (flower.QFedAvg(client_learning_rate=0.1, q=0.2), "QFedAvg: with q=0.2 it weighs"),
        (
            flower.DifferentialPrivacyServerSideFixedClipping(flower.FedAvg(), 1.0, 1.0, 5),
            "FixedClipping: its noise is made for a mean",
        ),
        (FRL(clients=3, clients_per_round=3), "FRL: it has a gate and a rule of its own"),
        (OwnLoop(), r"OwnLoop: its start\(\) is its own"),
        (NoAverage(), "NoAverage: takes a strategy that is Flower's FedAvg"),
    ],
)
def test_a_strategy_that_does_not_fit_is_refused_by_name(inner: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=rf"^inner: got {complaint}|^inner: got \w*{complaint}"):
        Robust(inner)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"rule": "median_position"}, "made for ranks; takes weights"),
        ({"rule": "medain"}, "did you mean 'median'"),
        ({"rule": "median, mean"}, "takes one rule"),
        ({"pre_aggregation": "nmn"}, "unknown pre-aggregation"),
        ({"gate": "x"}, "gate: got 'x'"),
        ({"at_most": -1}, "at_most: got -1"),
        ({"at_most": 1, "rule": make("krum", f=1)}, "drops all updates but one"),
        ({"otherwise": "go on"}, "otherwise: got 'go on'"),
        ({"weighting": "loss"}, "weighting: got 'loss'"),
        ({"detection_file": "/nowhere/at/all"}, "detection_file: /nowhere/at is no folder"),
    ],
)
def test_a_part_that_does_not_fit_is_refused(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        Robust(flower.FedAvg(), **given)


@pytest.mark.parametrize("name", ["most_norm", "most_examples"])
def test_limits_let_something_pass(name: str) -> None:
    with pytest.raises(InputError, match=f"got {name}=0"):
        Limits(**{name: 0})


@pytest.mark.parametrize(
    ("state", "complaint"),
    [
        ({"n": np.arange(3)}, "no floating array"),
        ({"w": np.zeros(2, np.complex64)}, "takes real numbers"),
        ({"w": np.array([np.nan])}, "'w' is not finite"),
    ],
)
def test_a_state_that_cannot_be_aggregated_is_refused(state: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        run(Robust(flower.FedAvg()), state)


@pytest.mark.parametrize("share", [0.99, 0.9999, 1.0001])
def test_the_limit_of_the_norm_is_exact(share: float) -> None:
    shift = np.zeros(5)
    shift[0] = 10 * share
    strategy = Robust(flower.FedAvg(), rule="median", gate=Limits(most_norm=10))
    evil = dict.fromkeys(range(CLIENTS), changed(**{**WEIGHTS, "wide": WEIGHTS["wide"] + shift}))

    run(strategy, STATE, evil, rounds=1)

    assert {v.reason for v in strategy.verdicts} == ({"absurd-norm"} if share > 1 else {""})


def test_the_rule_can_be_asked_what_it_would_do() -> None:
    strategy = Robust(flower.FedAvg(), rule="median")
    grid = InProcessGrid(client_app(), CLIENTS)
    strategy.configure_train(1, record(STATE), ConfigRecord(), grid)
    updates = [{n: np.full(a.size, c, np.float32) for n, a in WEIGHTS.items()} for c in (1, 2, 9)]

    found = strategy.preview(updates)

    assert {name: set(part.tolist()) for name, part in found.items()} == {
        name: {2} for name in WEIGHTS
    }
