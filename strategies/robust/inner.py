"""The strategy inside: which fit, and how one is handed the result of a rule as its only reply."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import strategy as flower
from flwr.serverapp.strategy import FedAvg, Strategy
from flwr.serverapp.strategy import dp_adaptive_clipping as dp_adaptive
from flwr.serverapp.strategy import dp_fixed_clipping as dp_fixed

from frl.errors import InputError
from strategies.robust.reply_gate import Admitted
from strategies.start import StartableStrategy

_RULES = (
    flower.MultiKrum,
    flower.Bulyan,
    flower.FedMedian,
    flower.FedTrimmedAvg,
)
_TREES = (flower.FedXgbBagging, flower.FedXgbCyclic)
_PRIVATE = (
    dp_fixed.DifferentialPrivacyFixedClippingBase,
    dp_adaptive.DifferentialPrivacyAdaptiveBase,
)


def require_fit(inner: Strategy) -> FedAvg:
    """Return a strategy that can stand behind a rule.

    Raises
    ------
    InputError
        By name, with the reason, if it cannot.
    """
    reason = _misfit(inner)
    if reason or not isinstance(inner, FedAvg):
        raise InputError(f"inner: got {type(inner).__name__}: {reason}")
    return inner


def _misfit(inner: object) -> str:
    if isinstance(inner, _RULES):
        return "it is a rule itself, among replies of which only one would be left; takes FedAvg"
    if isinstance(inner, _TREES):
        return "its clients send trees, between which there are no differences"
    if isinstance(inner, _PRIVATE):
        return (
            "its noise is made for a mean of num_sampled_clients replies, of which a rule leaves "
            "one: what it then promises of privacy does not hold"
        )
    if isinstance(inner, StartableStrategy):
        return "it has a gate and a rule of its own; takes none in front"
    if isinstance(inner, flower.QFedAvg) and inner.q != 0:
        return (
            f"with q={inner.q:g} it weighs each client by the loss that the client declares, which "
            "no rule sees; takes q=0"
        )
    if not isinstance(inner, FedAvg):
        return "takes a strategy that is Flower's FedAvg or derived from it"
    if type(inner).start is not Strategy.start:
        return "its start() is its own; takes one that leaves start() as it is"
    return ""


def weighs_by_examples(inner: FedAvg) -> bool:
    """Whether a strategy averages clients by their numbers of examples."""
    return not isinstance(inner, flower.QFedAvg)


class Outcome(NamedTuple):
    """The result of a strategy; ``None`` as it leaves it out."""

    arrays: ArrayRecord | None
    metrics: MetricRecord | None


def aggregate_one(
    inner: FedAvg, server_round: int, arrays: ArrayRecord, replies: Sequence[Admitted]
) -> Outcome:
    """Let a strategy aggregate one reply that holds arrays, and the metrics of all replies.

    Parameters
    ----------
    inner : FedAvg
    server_round : int
    arrays : ArrayRecord
        What a rule made of the replies.
    replies : sequence of Admitted
        Whose metrics the strategy's own function averages; at least one with examples.
    """
    first = replies[0]
    (name,) = first.content.array_records
    (metrics_name,) = first.content.metric_records
    metrics = _averaged([next(iter(reply.content.metric_records.values())) for reply in replies])
    metrics[inner.weighted_by_key] = sum(reply.examples for reply in replies)
    only = copy.copy(first.message)
    only.content = RecordDict({name: arrays, metrics_name: metrics})
    with _metrics_of(inner, [reply.content for reply in replies]):
        return Outcome(*inner.aggregate_train(server_round, [only]))


def with_arrays(messages: Sequence[Message], full: ArrayRecord) -> None:
    """Put the arrays that a strategy was not shown into the messages that it made.

    What it sends of its own stays as it is, also where it is not the same to every node.
    """
    made: dict[int, RecordDict] = {}
    for message in messages:
        content = message.content
        if id(content) not in made:
            made[id(content)] = RecordDict(
                {
                    name: _merged(record, full) if isinstance(record, ArrayRecord) else record
                    for name, record in content.items()
                }
            )
        message.content = made[id(content)]


def _merged(record: ArrayRecord, full: ArrayRecord) -> ArrayRecord:
    return ArrayRecord({**{name: record.get(name, full[name]) for name in full}, **record})


@contextmanager
def _metrics_of(inner: FedAvg, contents: list[RecordDict]) -> Iterator[None]:
    own = inner.train_metrics_aggr_fn
    inner.train_metrics_aggr_fn = lambda _, key: own(contents, key)
    try:
        yield
    finally:
        inner.train_metrics_aggr_fn = own


def _averaged(records: Sequence[MetricRecord]) -> MetricRecord:
    averages = MetricRecord()
    for key in records[0]:
        mean = np.mean([record[key] for record in records], axis=0)
        averages[key] = (
            [float(v) for v in mean] if isinstance(records[0][key], list) else float(mean)
        )
    return averages
