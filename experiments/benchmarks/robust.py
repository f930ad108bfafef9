"""What the gate and the rule of ``strategies.Robust`` cost on top of the strategy inside."""

from __future__ import annotations

import logging
from statistics import median
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp.strategy import FedAvg, Strategy

from experiments.benchmarks.row import Row, cpu_seconds
from frl.exchange.messages import arrays_record
from frl.grids import InProcessGrid
from frl.grids.internals import number
from frl.one_thread import one_thread
from strategies import Robust

NAMES = ("robust",)
_CLIENTS, _SIZES, _TIMES = 25, (2_359_296, 2_916_544), 3


def measure(name: str) -> Row:
    """Aggregate the same replies by FedAvg alone and behind a rule, in turn; the medians."""
    rng = np.random.default_rng(0)
    state = {f"layer-{size}": rng.standard_normal(size, dtype=np.float32) for size in _SIZES}
    record = arrays_record(state)
    taken: dict[str, list[float]] = {"fedavg_s": [], "mean_s": [], "median_s": []}
    with one_thread():
        for _ in range(_TIMES):
            for figure, seconds in taken.items():
                rule = figure.removesuffix("_s")
                inner = FedAvg()
                strategy = inner if rule == "fedavg" else Robust(inner, rule=rule)
                seconds.append(_seconds(strategy, record, state))
    middle = {figure: median(seconds) for figure, seconds in taken.items()}
    figure = "aggregation of 25 replies of 5,275,840 float32: Robust(FedAvg, rule='mean') / FedAvg"
    ratio = middle["mean_s"] / middle["fedavg_s"]
    return Row(name, figure, ratio, 1.5, "lower", middle)


def _seconds(strategy: Strategy, record: ArrayRecord, state: dict[str, Any]) -> float:
    logging.getLogger("flwr").setLevel(logging.ERROR)
    grid = InProcessGrid(ClientApp(), _CLIENTS)
    sent = list(strategy.configure_train(1, record, ConfigRecord(), grid))
    replies = [_reply(message, place, state) for place, message in enumerate(sent)]
    return cpu_seconds(lambda: strategy.aggregate_train(1, replies))


def _reply(message: Message, place: int, state: dict[str, Any]) -> Message:
    number(message, f"message-{place}")
    moved = {name: values + np.float32(0.01 * place) for name, values in state.items()}
    metrics = MetricRecord({"num-examples": 10 + place})
    content = RecordDict({"arrays": arrays_record(moved), "metrics": metrics})
    return Message(content, reply_to=message)
