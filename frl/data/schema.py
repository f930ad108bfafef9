"""The schema of a data set: its columns, what each is for or why it is left out, and its classes.

Worked out where data are decoded, kept in the cache and in the record of a run, and told to clients
that train on data of their own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_LONGEST = 40
"""Letters of a name that a line shows."""
_NAMED = 6
"""Columns that a line names before it counts the rest."""
_TOLD = ("name", "kind", "shape", "categories", "encoding", "alphabet")
"""What clients are told of a column of inputs: the first three always, others if not empty."""
_ALWAYS = 3
WORDS = 4095
"""Codes of hashed words: 1 to this."""


class Column(NamedTuple):
    """A column, whatever file it came from.

    Attributes
    ----------
    name : str
    kind : str
        ``number``, ``boolean``, ``text``, ``classes``, ``picture``, ``numbers`` (a list), ``time``.
    use : {"input", "label", "left out"}
    why : str
        Of what is left out.
    shape : tuple[int, ...]
        Of one value; of a number or text ``()``.
    categories : tuple[str, ...]
        Of an input of text or classes: the value that each of its features stands for.
    encoding : str
        Of an input of text as a row of codes: ``characters``, ``next_character`` or
        ``hashed_words``.
    alphabet : str
        The characters of codes 1, 2, ....
    """

    name: str
    kind: str
    use: str
    why: str = ""
    shape: tuple[int, ...] = ()
    categories: tuple[str, ...] = ()
    encoding: str = ""
    alphabet: str = ""

    @property
    def features(self) -> tuple[str, ...]:
        """The name of each feature: the column, a place in a list, or the value of a category."""
        if self.categories:
            return tuple(f"{self.name}={value}" for value in self.categories)
        if self.shape:
            return tuple(f"{self.name}[{place}]" for place in range(math.prod(self.shape)))
        return (self.name,)

    @property
    def what(self) -> str:
        """Kind and shape in words, or why it is left out."""
        if self.categories:
            return f"{self.kind}, {len(self.categories)} categories"
        if self.encoding:
            unit = self.encoding.removeprefix("next_").replace("_", " ").removesuffix("s")
            return f"{self.kind}, {self.shape[0]} {unit}s"
        shape = f" {'x'.join(map(str, self.shape))}" if self.shape else ""
        return self.why or self.kind + shape

    @property
    def short(self) -> str:
        """The name in quotes, shortened where it is long."""
        return repr(self.name if len(self.name) <= _LONGEST else self.name[:_LONGEST] + "...")

    def __str__(self) -> str:
        return f"{self.short} ({self.what})"


@dataclass(frozen=True)
class Schema:
    """What was found in a data set, and what was made of it.

    Attributes
    ----------
    columns : tuple[Column, ...]
        All of them, in the order of the file.
    splits : mapping
        Examples of the training and the test split, by the names that these have in the source.
    classes : tuple[str, ...]
    example : tuple[int, ...]
        Shape of one example.
    reading : mapping
        Options that differ from the defaults.
    notes : tuple[str, ...]
        What was done to the data, each in a few words.
    range : tuple[int, int], optional
        Pixels of the source that became 0 and 255, where they had more than 8 bits.
    """

    columns: tuple[Column, ...] = ()
    splits: Mapping[str, int] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    example: tuple[int, ...] = ()
    reading: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    range: tuple[int, int] | None = None

    @property
    def inputs(self) -> tuple[Column, ...]:
        """The columns that a model sees, in their order."""
        return tuple(column for column in self.columns if column.use == "input")

    @property
    def odd(self) -> bool:
        """Whether a person should look at it: something was done, or a table lost a column."""
        table = len(self.example) != 3
        return bool(self.notes) or (table and any(each.use == "left out" for each in self.columns))

    @property
    def label(self) -> str:
        """The name of the label's column."""
        return next((column.name for column in self.columns if column.use == "label"), "")

    @property
    def codes(self) -> int:
        """What all codes of a row of text are below; 0 where the inputs are no codes."""
        for column in self.inputs:
            if column.encoding:
                return 1 + (len(column.alphabet) or WORDS)
        return 0

    @property
    def features(self) -> tuple[str, ...]:
        """The name of each feature of a table."""
        return tuple(name for column in self.inputs for name in column.features)

    @property
    def indicators(self) -> tuple[int, ...]:
        """Places of the features that stand for a category: 0 or 1, and not standardised."""
        flags = [bool(column.categories) for column in self.inputs for _ in column.features]
        return tuple(place for place, flag in enumerate(flags) if flag)

    def record(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "columns": [
                {key: value for key, value in column._asdict().items() if value not in ("", ())}
                for column in self.columns
            ],
            "splits": dict(self.splits),
            "classes": list(self.classes),
            "example": list(self.example),
            "reading": dict(self.reading),
            "notes": list(self.notes),
            "range": None if self.range is None else list(self.range),
        }

    def lines(self) -> list[str]:
        """Return one line of what a model sees, and one of what it does not."""
        examples = " and ".join(f"{count:,} {name}" for name, count in self.splits.items())
        shape = "x".join(map(str, self.example))
        plural = "" if len(self.classes) == 1 else "es"
        label = f", label {self.label!r} of {len(self.classes)} class{plural}" if self.label else ""
        if self.inputs and self.inputs[0].encoding == "next_character":
            label = f", label the next of {len(self.classes)}"
        lines = [f"data: {examples} examples of {shape}, inputs {_some(self.inputs)}{label}"]
        out = tuple(column for column in self.columns if column.use == "left out")
        reasons = dict.fromkeys(column.why for column in out)
        gone = [f"left out: {_some([c for c in out if c.why == why], why)}" for why in reasons]
        said = gone + list(self.notes)
        return lines + ([f"data: {'; '.join(said)}"] if said else [])


def schema_from(record: Mapping[str, Any]) -> Schema:
    """Read what :meth:`Schema.record` returned.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is something else.
    """
    pixels = record.get("range")
    return Schema(
        columns=tuple(
            Column(
                str(each["name"]),
                str(each["kind"]),
                str(each["use"]),
                str(each.get("why", "")),
                tuple(int(side) for side in each.get("shape", ())),
                tuple(map(str, each.get("categories", ()))),
                str(each.get("encoding", "")),
                str(each.get("alphabet", "")),
            )
            for each in record["columns"]
        ),
        splits={str(name): int(count) for name, count in record["splits"].items()},
        classes=tuple(map(str, record["classes"])),
        example=tuple(int(side) for side in record["example"]),
        reading={str(key): str(value) for key, value in record["reading"].items()},
        notes=tuple(map(str, record["notes"])),
        range=None if pixels is None else (int(pixels[0]), int(pixels[1])),
    )


def for_clients(schema: Schema) -> str:
    """Write down, as short as can be, what a client's own folder must have: see :func:`told`."""
    inputs = [[getattr(column, key) for key in _TOLD] for column in schema.inputs]
    for told_of in inputs:
        while not told_of[-1] and len(told_of) > _ALWAYS:
            told_of.pop()
    kept = [inputs, schema.label, dict(schema.reading), schema.range]
    return json.dumps(kept, separators=(",", ":"))


def told(text: str) -> Schema:
    """Read what :func:`for_clients` wrote: inputs, label, options of reading and range of pixels.

    Raises
    ------
    KeyError, TypeError, ValueError, RecursionError
        If it is something else.
    """
    inputs, label, reading, pixels = json.loads(text)
    columns = [{**dict(zip(_TOLD, each, strict=False)), "use": "input"} for each in inputs]
    if label:
        columns.append({"name": label, "kind": "", "use": "label"})
    empty: dict[str, Any] = {"splits": {}, "classes": (), "example": (), "notes": ()}
    return schema_from({**empty, "columns": columns, "reading": reading, "range": pixels})


def _some(columns: Sequence[Column], why: str = "") -> str:
    most = _NAMED if not why else 4 * _NAMED
    named = ", ".join(column.short if why else str(column) for column in columns[:most])
    more = len(columns) - most
    return named + (f" and {more} more" if more > 0 else "") + (f" ({why})" if why else "")
