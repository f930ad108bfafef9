"""Features of a table: float64, finite, and such that standardised float32 tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from frl.data.dataset import spread_of, standardised
from frl.data.reading.categories import one_hot
from frl.data.reading.columns import Table, lost_in_float64, matrix
from frl.data.schema import Column
from frl.errors import InputError

_LARGEST = float(np.finfo(np.float32).max)


class Filled(NamedTuple):
    """Features without holes.

    Attributes
    ----------
    values : float64 array of shape (rows, features)
    rows : int64 array
        Of the split, that were kept.
    notes : list of str
    """

    values: NDArray[np.float64]
    rows: NDArray[np.int64]
    notes: list[str]


def features_of(table: Table, columns: Sequence[Column]) -> NDArray[np.float64]:
    """Return the columns side by side; what is missing is NaN.

    Raises
    ------
    InputError
        If a value is infinite or beyond float32, or whole numbers differ but not in float64.
    """
    parts = []
    for column in columns:
        if column.categories:
            parts.append(one_hot(table, column))
            continue
        part = matrix(table, column.name, column.shape)
        with np.errstate(invalid="ignore"):
            beyond = np.argwhere(np.abs(part) > _LARGEST)
        if beyond.size:
            row, place = beyond[0]
            raise InputError(
                f"data: column {column.name!r} has {part[row, place]:g} in {table.at(int(row))}; "
                "takes finite numbers that float32 can hold"
            )
        if not column.shape and lost_in_float64(table, column.name):
            raise InputError(
                f"data: column {column.name!r} of {table.split} has whole numbers that differ, but "
                f"all are {part[0, 0]:g} in float64; data.inputs can leave it out"
            )
        parts.append(part)
    return np.ascontiguousarray(np.concatenate(parts, axis=1))


def means_of(values: NDArray[np.float64], indicators: Sequence[int]) -> NDArray[np.float64]:
    """Return what fills the holes of each feature: its mean, and 0 for a category."""
    present = np.maximum(np.sum(~np.isnan(values), axis=0), 1)
    means = np.asarray(np.nansum(values, axis=0) / present, dtype=np.float64)
    means[list(indicators)] = 0.0
    return means


def fill(
    values: NDArray[np.float64],
    table: Table,
    columns: Sequence[Column],
    missing: str,
    means: Sequence[float] | NDArray[np.float64],
) -> Filled:
    """Do what ``data.missing`` says about the holes of a split.

    Parameters
    ----------
    values : float64 array of shape (rows, features)
    table : Table
        The split they come from, for messages.
    columns : sequence of Column
        That the features are of.
    missing : {"refuse", "mean", "drop"}
    means : sequence of float
        Of the training examples.

    Raises
    ------
    InputError
        If holes are refused, or nothing is left.
    """
    rows = np.arange(len(values))
    text = [bool(column.categories) for column in columns for _ in column.features]
    names = [c.name if c.categories else feature for c in columns for feature in c.features]
    counted = [not c.categories or not n for c in columns for n in range(len(c.features))]
    where = np.argwhere(np.isnan(values) & np.array(counted))
    if not where.size:
        return Filled(values, rows, [])
    row, place = (int(index) for index in where[0])
    empty = np.flatnonzero(np.isnan(values).all(axis=0))
    if empty.size:
        raise InputError(f"data: column {names[empty[0]]!r} holds nothing in {table.split}")
    if missing == "refuse":
        more = f" (and {len(where) - 1:,} more)" if len(where) > 1 else ""
        raise InputError(
            f"data: column {names[place]!r} has no value in {table.at(row)}{more}; takes "
            f'{"categories" if text[place] else "numbers"}, or data.missing = "mean" or "drop"'
        )
    holed = np.unique(where[:, 0])
    if missing == "drop":
        rows = np.setdiff1d(rows, holed)
        if not rows.size:
            raise InputError(f"data: every row of {table.split} has a missing value")
        said = f"rows of {table.split} left out for missing values: {holed.size:,}"
        return Filled(values[rows], rows, [f"{said}, the first is {table.at(int(holed[0]))}"])
    filled = np.where(np.isnan(values), np.asarray(means, dtype=np.float64), values)
    how = "means of train" + ", categories with 0" * any(text[place] for _, place in where)
    said = f"missing values of {table.split} filled with {how}: {len(where):,}"
    return Filled(filled, rows, [f"{said}, the first is {names[place]!r} in {table.at(row)}"])


def check_standardised(
    train: NDArray[np.float64],
    others: Sequence[tuple[Table, NDArray[np.float64]]],
    names: Sequence[str],
    indicators: Sequence[int] = (),
) -> list[str]:
    """Refuse a feature that training cannot see; return what a person should know.

    Parameters
    ----------
    train : float64 array of shape (rows, features)
        To whose mean and standard deviation all are standardised.
    others : sequence of (Table, float64 array)
        Splits whose features must stay finite then, the training split among them.
    names : sequence of str
        Of the features.
    indicators : sequence of int
        Places of those that stand for a category.

    Raises
    ------
    InputError
        If a feature differs between examples but not once it is standardised, or overflows then.
    """
    mean, std = spread_of(train, indicators)
    ends = np.stack([train.min(axis=0), train.max(axis=0)])
    seen = standardised(ends, mean, std)
    constant = []
    for place, name in enumerate(names):
        if ends[0, place] == ends[1, place]:
            constant.append(name)
        elif seen[0, place] == seen[1, place]:
            raise InputError(
                f"data: column {name!r} ({ends[0, place]:g} to {ends[1, place]:g}) is constant "
                "once it is standardised; data.inputs can leave it out"
            )
    for table, values in others:
        bad = np.argwhere(~np.isfinite(standardised(values, mean, std)))
        if bad.size:
            row, place = (int(index) for index in bad[0])
            raise InputError(
                f"data: column {names[place]!r} has {values[row, place]:g} in {table.at(row)}, "
                "too far from the training examples for float32"
            )
    few = ", ".join(map(repr, constant[:3])) + (" and more" if len(constant) > 3 else "")
    return [f"inputs that never change in train: {len(constant)}, {few}"] if constant else []
