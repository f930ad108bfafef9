"""From the tables of a data set to arrays, and its schema.

Pictures become uint8, numbers float64, text int16.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frl.data.dataset import Columns, Split
from frl.data.reading.categories import unknown_categories
from frl.data.reading.columns import Table
from frl.data.reading.encoding import Encoded, encode
from frl.data.reading.features import check_standardised, features_of, fill, means_of
from frl.data.reading.groups import groups_of
from frl.data.reading.labels import classes_of, classes_of_characters, codes_of, label_column
from frl.data.reading.options import NEXT, Reading
from frl.data.reading.pictures import Decoded as Pictures
from frl.data.reading.pictures import decode_pictures, to_bytes, unlike, unlike_depth
from frl.data.reading.roles import check_same_columns, roles_of
from frl.data.reading.splits import choose
from frl.data.schema import Schema


class Decoded(NamedTuple):
    """A data set as arrays."""

    train: Split
    test: Split
    classes: int
    columns: Columns
    labels: tuple[str, ...]
    schema: Schema


def decode(tables: Mapping[str, Table], reading: Reading | None = None) -> Decoded:
    """Decode the training and the test split.

    Parameters
    ----------
    tables : mapping
        A table for each split.
    reading : Reading, optional
        What is which column, and what is done to them; by default a column of pictures, or else all
        columns of numbers, are the inputs, and the column called ``label`` (or one of its usual
        other names), or else the only column of classes, is the label.

    Raises
    ------
    InputError
        If a split or column is missing, or holds what cannot be right: column, row and value.
    """
    reading = reading or Reading()
    chosen = choose(tables, reading)
    train, test = chosen.train, chosen.test
    label = "" if reading.text == NEXT else label_column(train, reading)
    columns, said = roles_of(train, label, reading)
    schema = Schema(columns)
    check_same_columns(train, test, schema)
    first = schema.inputs[0]
    classes = classes_of(train, label, chosen.known_rows) if label else classes_of_characters(first)
    parts = [_inputs(each, schema, reading) for each in (train, test)]
    arrays: Sequence[NDArray[Any]]
    rows: Any = slice(None)
    pixels = None
    if first.kind == "picture":
        arrays, pixels, notes = _pictures(parts, (train, test), first.name, reading)
    elif first.encoding:
        train, test, arrays, notes = _codes(parts)
        rows = parts[0].rows
    else:
        train, test, arrays, notes = _features(parts, (train, test), schema, reading)
    labels = (
        [codes_of(each, label, classes) for each in (train, test)]
        if label
        else [part.following for part in parts]
    )
    extra = sorted(set(test.columns.column_names) - set(train.columns.column_names))
    said += [f"column {name!r} is in {test.split} only" for name in extra]
    notes = [*chosen.notes, *said, *notes, *classes.notes(labels[0], labels[1])]
    return Decoded(
        train=Split(arrays[0], labels[0]),
        test=Split(arrays[1], labels[1]),
        classes=len(classes.names),
        columns={name: of[rows] for name, of in groups_of(train, schema, reading).items()},
        labels=classes.names,
        schema=Schema(
            columns=columns,
            splits={"train": len(arrays[0]), chosen.tested: len(arrays[1])},
            classes=classes.names,
            example=tuple(arrays[0].shape[1:]),
            reading=reading.record(),
            notes=tuple(notes),
            range=pixels,
        ),
    )


def _inputs(table: Table, schema: Schema, reading: Reading) -> Any:
    if schema.inputs[0].kind == "picture":
        return decode_pictures(table, schema.inputs[0].name, reading)
    if schema.inputs[0].encoding:
        return encode(table, schema.inputs[0], reading.missing, reading.stride)
    return features_of(table, schema.inputs)


def _pictures(
    parts: list[Pictures], tables: tuple[Table, Table], column: str, reading: Reading
) -> tuple[list[NDArray[np.uint8]], tuple[int, int] | None, list[str]]:
    train, test = parts
    names = [f"column {column!r}, {table.at(0)}" for table in tables]
    if train.pixels.shape[1:] != test.pixels.shape[1:]:
        raise unlike(names[0], train.pixels.shape[1:], names[1], test.pixels.shape[1:])
    if train.deepest != test.deepest:
        raise unlike_depth(names[0], train.deepest, names[1], test.deepest)
    arrays, pixels, notes = to_bytes(parts, reading, None)
    return arrays, pixels, [*notes, *train.notes, *test.notes]


def _codes(
    parts: list[Encoded],
) -> tuple[Table, Table, list[NDArray[np.int16]], list[str]]:
    train, test = parts
    return train.table, test.table, [train.inputs, test.inputs], [*train.notes, *test.notes]


def _features(
    parts: list[NDArray[np.float64]],
    tables: tuple[Table, Table],
    schema: Schema,
    reading: Reading,
) -> tuple[Table, Table, list[NDArray[np.float64]], list[str]]:
    indicators = schema.indicators
    means = means_of(parts[0], indicators)
    train, test = (
        fill(part, table, schema.inputs, reading.missing, means)
        for part, table in zip(parts, tables, strict=True)
    )
    kept = tuple(
        table if len(part.rows) == len(table) else table.rows(part.rows)
        for table, part in zip(tables, (train, test), strict=True)
    )
    others = list(zip(kept, (train.values, test.values), strict=True))
    notes = check_standardised(train.values, others, schema.features, indicators)
    notes += unknown_categories(kept[1], schema.inputs)
    arrays = [train.values, test.values]
    return kept[0], kept[1], arrays, [*train.notes, *test.notes, *notes]
