"""The label's column of a table: its classes in order, and a code for each row."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frl.data.reading.columns import Table, holes, kind_of, no_value, python_values
from frl.data.reading.options import Reading
from frl.data.schema import Column
from frl.errors import InputError, unknown

USUAL = ("label", "labels", "target", "class", "y", "character", "fine_label")
_KINDS = ("classes", "number", "boolean", "text")
OTHER = "other"
"""Class of the characters that the training texts lack."""
_FEW = 20
"""Classes that any data set may have, however few its rows."""


class Classes(NamedTuple):
    """The classes of a data set.

    Attributes
    ----------
    column : str
    kind : str
        Of the column.
    values : tuple
        As they stand in the column; of a column of classes their names.
    names : tuple[str, ...]
    """

    column: str
    kind: str
    values: tuple[Any, ...]
    names: tuple[str, ...]

    def notes(self, train: NDArray[np.int64], test: NDArray[np.int64]) -> list[str]:
        """Say what is odd about the labels, in a few words each."""
        notes = []
        every = np.arange(len(self.names))
        trained, tested = np.isin(every, train), np.isin(every, test)
        for odd, what in (
            (tested & ~trained, "no training example has the class {} of the test examples"),
            (trained & ~tested, "no test example has the class {}"),
            (~trained & ~tested, "no example has the class {}"),
        ):
            if odd.any():
                few = ", ".join(repr(self.names[code]) for code in np.flatnonzero(odd)[:3])
                notes.append(what.format(f"{few} and others" if odd.sum() > 3 else few))
        if len(self.names) == 1:
            notes.append(f"label {self.column!r} has one class only")
        fractions = [v for v in self.values if isinstance(v, float) and v != int(v)]
        if fractions:
            notes.append(f"label {self.column!r} has fractions such as {fractions[0]:g} as classes")
        elif self.kind != "classes" and len(self.names) > max(_FEW, len(train) / 5):
            notes.append(
                f"label {self.column!r} has {len(self.names):,} classes, few examples each"
            )
        return notes


def label_column(table: Table, reading: Reading) -> str:
    """Return the column of the label.

    Raises
    ------
    InputError
        If there is none, or none that can be it.
    """
    names: list[str] = table.columns.column_names
    if reading.label:
        if reading.label not in names:
            raise unknown("data.label: column", reading.label, names)
        return reading.label
    left = [name for name in names if name not in reading.input_names]
    by_case = {name.casefold(): name for name in reversed(left)}
    for name in USUAL:
        if name in left:
            return name
    for name in USUAL:
        if name in by_case:
            return by_case[name]
    classes = [name for name in left if name in table.classes]
    if len(classes) == 1:
        return classes[0]
    hint = "; data.label names another"
    if any(kind_of(table, name)[0] == "text" for name in left):
        hint += ', and data.text = "next_character" needs none'
    if all(_is_number(name) for name in names):
        hint = "; the first line of a table names its columns"
    elif len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        hint = "; the values of a CSV file have commas between them"
    raise InputError(f"data: no label column in {names}; takes one of {', '.join(USUAL)}{hint}")


def classes_of(table: Table, column: str, known: Table) -> Classes:
    """Return the classes of the label's column of the training split.

    Parameters
    ----------
    table : Table
        The training examples.
    column : str
    known : Table
        The whole training split, where some of its examples are held out.

    Raises
    ------
    InputError
        If a row has no label, or the column cannot be a label.
    """
    kind, _ = kind_of(known, column)
    missing = holes(known, column)
    if missing.size:
        raise no_value("data", known, column, missing)
    if kind not in _KINDS:
        raise InputError(f"data: label column {column!r} holds {kind}; takes {', '.join(_KINDS)}")
    if kind == "classes":
        names = tuple(known.classes[column])
        return Classes(column, kind, names, names)
    values = python_values(known, column)
    infinite = next((v for v in values if isinstance(v, float) and v in (np.inf, -np.inf)), None)
    if infinite is not None:
        raise InputError(f"data: label column {column!r} holds {infinite}")
    distinct = tuple(sorted(set(values)))
    if len(distinct) > _FEW and len(distinct) > len(values) / 2:
        raise InputError(
            f"data: label column {column!r} has {len(distinct):,} different values in "
            f"{len(values):,} rows; takes classes (data.label names another column)"
        )
    return Classes(column, kind, distinct, tuple(map(str, distinct)))


def classes_of_characters(column: Column) -> Classes:
    """Return the characters of a column of text as classes, after one for all others."""
    names = (OTHER, *column.alphabet)
    return Classes(column.name, "classes", names, names)


def codes_of(table: Table, column: str, classes: Classes) -> NDArray[np.int64]:
    """Return the code of each row's class.

    Raises
    ------
    InputError
        If a row has no label, or one that is not among the training labels.
    """
    missing = holes(table, column)
    if missing.size:
        raise no_value("data", table, column, missing)
    code = {value: number for number, value in enumerate(classes.values)}
    values = python_values(table, column)
    strange = [row for row, value in enumerate(values) if value not in code]
    if strange:
        more = f" (and {len(strange) - 1:,} more)" if len(strange) > 1 else ""
        raise InputError(
            f"data: label {values[strange[0]]!r} of column {column!r}, {table.at(strange[0])}{more}"
            f", is not among the training labels; data.test names the split to test on"
        )
    return np.array([code[value] for value in values], dtype=np.int64)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
