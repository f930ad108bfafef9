"""What each column is for: input, label, or left out and why."""

from __future__ import annotations

import re

from frl.data.reading.categories import KINDS, categories_of
from frl.data.reading.columns import NUMBERS, Table, about, holes, kind_of
from frl.data.reading.encoding import column_of_text
from frl.data.reading.labels import USUAL
from frl.data.reading.options import Reading
from frl.data.schema import Column, Schema
from frl.errors import InputError, unknown

_UNNAMED = re.compile(r"(Unnamed: \d+|__index_level_\d+__|)")
_ID = re.compile(
    r"(.*[_ ])?(id|ids|uuid|user|client|owner|patient|index|row)|.*[a-z]I[dD]", re.ASCII
)
_FOR_TEXT = '; data.categories = "one_hot" takes a few values, data.text sentences'


def roles_of(table: Table, label: str, reading: Reading) -> tuple[tuple[Column, ...], list[str]]:
    """Say what each column of the training split is for, and what is odd about that.

    Raises
    ------
    InputError
        If there is no input, or a column that was asked for cannot be one.
    """
    names = table.columns.column_names
    kinds = {name: kind_of(table, name) for name in names}
    asked = reading.input_names
    if reading.group and reading.group not in names:
        raise unknown("data.column: column", reading.group, names)
    if reading.text != "leave_out":
        return _around_text(table, label, reading, kinds), []
    for name in asked:
        if name not in names:
            raise unknown("data.inputs: column", name, names)
        if name == label:
            raise InputError(f"data.inputs: column {name!r} is the label")
        if kinds[name][0] not in (*_taken(reading), "picture"):
            why = about(table, name, kinds[name][0])
            takes = "numbers or pictures"
            if kinds[name][0] in KINDS:
                takes += ', or data.categories = "one_hot", or data.text'
            raise InputError(f"data.inputs: column {name!r} is {why}; takes {takes}")
    pictures = [name for name in asked or names if kinds[name][0] == "picture" and name != label]
    if asked and pictures and len(asked) > 1:
        raise InputError(f"data.inputs: column {pictures[0]!r} holds pictures; takes it alone")
    columns = tuple(
        _column(table, name, kinds[name], label, reading, pictures[:1]) for name in names
    )
    inputs = [column for column in columns if column.use == "input"]
    if not inputs:
        found = ", ".join(map(str, columns)) or "nothing"
        text = any(kinds[column.name][0] in KINDS for column in columns if column.name != label)
        hint = _FOR_TEXT if text else ""
        raise InputError(f"data: no picture and no numeric column among the columns: {found}{hint}")
    ordered = sorted(inputs, key=lambda column: asked.index(column.name)) if asked else inputs
    rest = tuple(column for column in columns if column.use != "input")
    notes: list[str] = [] if asked or inputs[0].kind == "picture" else _odd(inputs)
    return (tuple(ordered) + rest if asked else columns), notes


def check_same_columns(train: Table, test: Table, schema: Schema) -> None:
    """Refuse a test split whose inputs and label are not those of the training split.

    Raises
    ------
    InputError
        With the column, and what it is in both.
    """
    for column in schema.columns:
        if column.use == "left out":
            continue
        if column.name not in test.columns.column_names:
            raise InputError(
                f"data: column {column.name!r} of {train.split} is missing in {test.split}"
            )
        kind, shape = kind_of(test, column.name)
        if kind == "empty":
            raise InputError(f"data: column {column.name!r} holds nothing in {test.split}")
        if {kind, column.kind} <= {"classes", "text"} and not column.encoding:
            continue
        if (kind, shape) != (column.kind, () if column.encoding else column.shape):
            why = about(test, column.name, kind)
            found = Column(column.name, kind, "", "" if why == kind else why, shape)
            raise InputError(
                f"data: column {column.name!r} is {column.what} in {train.split} and {found.what} "
                f"in {test.split}"
            )


def _column(
    table: Table,
    name: str,
    found: tuple[str, tuple[int, ...]],
    label: str,
    reading: Reading,
    picture: list[str],
) -> Column:
    kind, shape = found
    if name == label:
        return Column(name, kind, "label", "", shape)
    why = _why_left_out(table, name, kind, reading, picture)
    if not why and kind in KINDS:
        return Column(name, kind, "input", categories=categories_of(table, name))
    return Column(name, kind, "left out" if why else "input", why, shape)


def _around_text(
    table: Table, label: str, reading: Reading, kinds: dict[str, tuple[str, tuple[int, ...]]]
) -> tuple[Column, ...]:
    """Return the columns of a table whose only input is a column of text."""
    names = reading.input_names or tuple(
        name
        for name, (kind, _) in kinds.items()
        if kind == "text" and name not in (label, reading.group)
    )
    if len(names) > 1:
        raise InputError(
            f"data.text: columns {', '.join(map(repr, names))} are several; takes one, and "
            "data.inputs names it"
        )
    if not names:
        raise InputError(f"data.text: no column of text among {', '.join(map(repr, kinds))}")
    (chosen,) = names
    if chosen not in kinds:
        raise unknown("data.inputs: column", chosen, kinds)
    if chosen == label or kinds[chosen][0] != "text":
        what = "the label" if chosen == label else about(table, chosen, kinds[chosen][0])
        raise InputError(f"data.inputs: column {chosen!r} is {what}; data.text takes text")
    columns = []
    for name, (kind, shape) in kinds.items():
        use = "label" if name == label else "left out"
        why = "" if name == label else "data.column" if name == reading.group else "beside the text"
        columns.append(Column(name, kind, use, why, shape))
    columns[list(kinds).index(chosen)] = column_of_text(table, chosen, reading)
    return tuple(columns)


def _taken(reading: Reading) -> tuple[str, ...]:
    """Return the kinds of a table's columns that are inputs."""
    return (*NUMBERS, *KINDS) if reading.categories == "one_hot" else NUMBERS


def _why_left_out(table: Table, name: str, kind: str, reading: Reading, picture: list[str]) -> str:
    if reading.input_names:
        return "" if name in reading.input_names else "not in data.inputs"
    if name == reading.group:
        return "data.column"
    if picture:
        return "" if name == picture[0] else about(table, name, kind)
    if _UNNAMED.fullmatch(name):
        return "a number of rows without a name"
    if kind not in _taken(reading):
        return about(table, name, kind)
    missing = holes(table, name)
    if kind != "numbers" and missing.size and len(table.values(name).drop_null().unique()) == 1:
        return f"one value and {missing.size:,} without"
    return ""


def _odd(inputs: list[Column]) -> list[str]:
    notes = []
    ids = [column.name for column in inputs if _ID.fullmatch(column.name)]
    if ids:
        notes.append(
            f"input {', '.join(map(repr, ids))} looks like an id; data.inputs leaves it out"
        )
    second = [column.name for column in inputs if column.name.casefold() in USUAL]
    if second:
        notes.append(f"input {', '.join(map(repr, second))} is called like a label")
    return notes
