"""What the fields of a record may hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Field(NamedTuple):
    """A field that a record must have.

    Attributes
    ----------
    holds : callable
        Whether a value is one that it may have.
    takes : str
        What that is, in words.
    """

    holds: Callable[[Any], bool]
    takes: str


def what_is_wrong(record: Mapping[str, Any], fields: Mapping[str, Field]) -> str:
    """Name the first field that is missing or holds something else; empty where none is."""
    for name, field in fields.items():
        if name not in record:
            return f"it has no {name!r}"
        if not field.holds(record[name]):
            return f"{name!r}: got {str(record[name])[:80]!r}; takes {field.takes}"
    return ""


def _count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _number(value: Any) -> bool:
    return type(value) in (int, float)


def _share(value: Any) -> bool:
    return value is None or (_number(value) and 0 <= value <= 1)


def _counts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_count, value.values()))


COUNT = Field(_count, "a whole number, 0 or more")
NUMBER = Field(_number, "a number")
NUMBER_OR_NULL = Field(lambda value: value is None or _number(value), "a number or null")
SHARE_OR_NULL = Field(_share, "a share from 0 to 1, or null")
TEXT = Field(lambda value: isinstance(value, str), "text")
COUNTS = Field(_counts, "counts by name")
IDS = Field(lambda value: isinstance(value, list) and all(map(_count, value)), "a list of ids")

ROW: dict[str, Field] = {
    "round": COUNT,
    "accuracy": SHARE_OR_NULL,
    "loss": NUMBER_OR_NULL,
    "attack_success_rate": SHARE_OR_NULL,
    "sampled": IDS,
    "admitted": COUNT,
    "rejected": COUNTS,
    "malicious": IDS,
    "bytes_up": COUNT,
    "bytes_down": COUNT,
    "seconds": NUMBER,
}
RESULT: dict[str, Field] = {
    "accuracy": SHARE_OR_NULL,
    "best_accuracy": SHARE_OR_NULL,
    "loss": NUMBER_OR_NULL,
    "rounds": COUNT,
    "seconds": NUMBER,
    "digest": TEXT,
    "bytes_up": COUNT,
    "bytes_down": COUNT,
    "admitted": COUNT,
    "rejected": COUNTS,
    "attack_success_rate": SHARE_OR_NULL,
}
