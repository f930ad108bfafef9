"""Columns of text and of classes as inputs: one feature for each category, fitted on training rows.

The categories are the sorted values of the training rows; of a column of classes, its classes in
order. A value that is none of them has 0 in all features of its column.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from frl.data.reading.columns import Table, python_values
from frl.data.schema import Column
from frl.errors import InputError

KINDS = ("text", "classes")
"""Kinds of a column that can be one."""
MOST = 256
"""Categories of a column."""


def categories_of(table: Table, name: str) -> tuple[str, ...]:
    """Return the categories of a column of the training rows.

    Raises
    ------
    InputError
        If there are more than :data:`MOST`.
    """
    declared = table.classes.get(name)
    values = python_values(table, name) if declared is None else declared
    found = tuple(sorted({str(value) for value in values if value is not None}))
    if len(found) > MOST:
        raise InputError(
            f"data.categories: column {name!r} has {len(found):,} different values in "
            f"{table.split}, such as {found[0][:40]!r}; one_hot takes at most {MOST} "
            "(data.inputs names the columns that are inputs)"
        )
    return tuple(declared) if declared is not None else found


def one_hot(table: Table, column: Column) -> NDArray[np.float64]:
    """Return 1 in the feature of each row's category; a row without a value is NaN.

    Parameters
    ----------
    table : Table
    column : Column
        With its categories.

    Returns
    -------
    float64 array of shape (rows, categories)
    """
    code = {category: place for place, category in enumerate(column.categories)}
    values = python_values(table, column.name)
    features = np.zeros((len(values), len(code)))
    for row, value in enumerate(values):
        if value is None:
            features[row] = np.nan
        elif value in code:
            features[row, code[value]] = 1.0
    return features


def unknown_categories(table: Table, columns: Iterable[Column]) -> list[str]:
    """Say in a few words which values of a table are no categories of the training rows."""
    notes = []
    for column in columns:
        known = {*column.categories, None}
        values = python_values(table, column.name) if column.categories else []
        rows = [row for row, value in enumerate(values) if value not in known]
        if rows:
            first = str(values[rows[0]])[:40]
            notes.append(
                f"values of {column.short} in {table.split} that train lacks, 0 in all its "
                f"features: {len(rows):,}, the first is {first!r} in {table.at(rows[0])}"
            )
    return notes
