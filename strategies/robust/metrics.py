"""The metrics of a reply, which a strategy averages, and what they must be for that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import isfinite
from typing import NamedTuple, TypeAlias

from flwr.app import MetricRecord, RecordDict

from frl.exchange.app_arrays import the_only
from frl.exchange.messages import MalformedError
from strategies.asked import Rejected
from strategies.robust.limits import Limits

_MOST_METRICS = 1000
Shape: TypeAlias = tuple[tuple[str, int], ...]
"""Names of metrics and the lengths of their lists, -1 for a number."""


class Metrics(NamedTuple):
    """The metrics of a reply and the name of their record."""

    name: str
    record: MetricRecord
    examples: float
    shape: Shape


def read_metrics(content: RecordDict, weight_key: str, limits: Limits) -> Metrics:
    """Read the only record of metrics of a reply.

    Raises
    ------
    MalformedError
        If there is another number of them, a value that is not finite, or no number of examples.
    """
    name, record = the_only(content, MetricRecord)
    if len(record) > _MOST_METRICS:
        raise MalformedError("wrong-metrics", f"{len(record)} metrics")
    for key, value in record.items():
        if not all(
            _is_finite(number) for number in (value if isinstance(value, list) else [value])
        ):
            raise MalformedError("wrong-metrics", f"metric {key[:60]!r} is not finite")
    examples = record.get(weight_key)
    if not isinstance(examples, int | float) or not 0 <= examples <= limits.most_examples:
        raise MalformedError("sample-count", f"{weight_key} is {str(examples)[:60]}")
    shape = ((key, len(v) if isinstance(v, list) else -1) for key, v in record.items())
    return Metrics(name, record, float(examples), tuple(sorted(shape)))


def unlike_most(shapes: Iterable[tuple[int, Shape]]) -> list[Rejected]:
    """Reject nodes whose metrics have not the names and lengths that most nodes' have.

    Averages of metrics need the same of every client, and who names others must not stop a round.
    Of two shapes that equally many have, the first in alphabetical order counts.
    """
    given = list(shapes)
    counts = Counter(shape for _, shape in given)
    if len(counts) < 2:
        return []
    usual = min(counts, key=lambda shape: (-counts[shape], shape))
    detail = f"other metrics than {counts[usual]} of {len(given)} clients"
    return [Rejected(node, "wrong-metrics", detail) for node, shape in given if shape != usual]


def _is_finite(value: object) -> bool:
    try:
        return isinstance(value, int | float) and isfinite(value)
    except OverflowError:
        return False
