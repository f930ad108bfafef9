"""A column of text as examples: one for each text, or one for each window of a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from frl.data.reading.columns import Table, holes, no_value, python_values
from frl.data.reading.options import NEXT, UNITS, Reading
from frl.data.schema import Column
from frl.data.text_codes import (
    alphabet_of,
    character_codes,
    rows_of,
    windows_of,
    word_codes,
)
from frl.errors import InputError


class Encoded(NamedTuple):
    """The examples of a column of text.

    Attributes
    ----------
    inputs : int16 array of shape (examples, length)
    following : int64 array of shape (examples,), or None
        The codes that come next, where those are the labels.
    table : Table
        The rows that gave examples.
    rows : int64 array of shape (examples,)
        The row of ``table`` that each example is of, ascending.
    notes : list of str
    """

    inputs: NDArray[np.int16]
    following: NDArray[np.int64] | None
    table: Table
    rows: NDArray[np.int64]
    notes: list[str]


def column_of_text(table: Table, name: str, reading: Reading) -> Column:
    """Return a column of the training split as the input, with the alphabet of its texts.

    Raises
    ------
    InputError
        If its texts have no character at all.
    """
    column = Column(name, "text", "input", "", (reading.row_length,), encoding=reading.text)
    if UNITS[reading.text] == "words":
        return column
    alphabet = alphabet_of(text for text in python_values(table, name) if text is not None)
    if not alphabet:
        raise InputError(f"data: column {name!r} holds empty texts only in {table.split}")
    return column._replace(alphabet=alphabet)


def encode(table: Table, column: Column, missing: str, stride: int) -> Encoded:
    """Encode the texts of a split.

    Parameters
    ----------
    table : Table
    column : Column
        With encoding, alphabet and the length of a row.
    missing : {"refuse", "mean", "drop"}
        A missing text is an error, is empty, or is left out.
    stride : int
        Characters between labels.

    Raises
    ------
    InputError
        If a text is missing and that is refused, or no example is left.
    """
    (length,), unit = column.shape, UNITS[column.encoding]
    table, notes = _present(table, column.name, missing)
    texts = [text or "" for text in python_values(table, column.name)]
    words = unit == "words"
    codes = word_codes(texts) if words else character_codes(texts, column.alphabet)
    sizes = np.array([len(each) for each in codes])
    notes += _unknown(table, column, texts, codes)
    if column.encoding == NEXT:
        notes += _some(table, sizes < 2, f"texts of {table.split} too short for a next character")
        inputs, following, of_text = windows_of(codes, length, stride)
        kept, rows = np.unique(of_text, return_inverse=True)
        if not len(kept):
            raise InputError(f"data: no text of {table.split} has two characters")
        table = table if len(kept) == len(table) else table.rows(kept)
        return Encoded(inputs, following, table, rows.astype(np.int64), notes)
    notes += _some(table, sizes > length, f"texts of {table.split} cut to {length} {unit}")
    notes += _some(table, sizes == 0, f"texts of {table.split} without {unit}, all 0")
    return Encoded(rows_of(codes, length), None, table, np.arange(len(table)), notes)


def _present(table: Table, name: str, missing: str) -> tuple[Table, list[str]]:
    rows = holes(table, name)
    if not rows.size:
        return table, []
    if missing == "refuse":
        error = no_value("data", table, name, rows)
        raise InputError(f'{error}; takes text, or data.missing = "drop", or "mean" for empty ones')
    first = f"{rows.size:,}, the first is {table.at(int(rows[0]))}"
    if missing == "mean":
        return table, [f"missing texts of {table.split} taken for empty ones: {first}"]
    if rows.size == len(table):
        raise InputError(f"data: every row of {table.split} has a missing value")
    kept = table.rows(np.setdiff1d(np.arange(len(table)), rows))
    return kept, [f"rows of {table.split} left out for missing values: {first}"]


def _unknown(
    table: Table, column: Column, texts: Sequence[str], codes: Sequence[NDArray[np.int16]]
) -> list[str]:
    """Say which characters have no code."""
    if UNITS[column.encoding] == "words":
        return []
    found = [(row, each) for row, each in enumerate(codes) if not each.all()]
    if not found:
        return []
    row, first = found[0]
    count = sum(int((each == 0).sum()) for _, each in found)
    return [
        f"characters of {table.split} without a code, taken as 0: {count:,}, the first is "
        f"{texts[row][int(np.flatnonzero(first == 0)[0])]!r} in {table.at(row)}"
    ]


def _some(table: Table, which: NDArray[np.bool_], what: str) -> list[str]:
    rows = np.flatnonzero(which)
    return [f"{what}: {rows.size:,}, the first is {table.at(int(rows[0]))}"] if rows.size else []
