"""The kinds of a column, one notion for every type of file, and its values."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from frl.errors import InputError

NUMBERS = ("number", "boolean", "numbers")
"""Kinds that a model can take as features."""
NAMES = ("number", "boolean", "text", "classes", "time")
"""Kinds by which clients can be told apart."""


@dataclass(frozen=True)
class Table:
    """The rows of one split.

    Attributes
    ----------
    split : str
    columns : pyarrow.Table
    classes : dict[str, list[str]]
        Names of the classes of columns of codes.
    place : str
        The file or folder they came from.
    origin : int64 array, optional
        The row of the split that each was, where some were left out.
    notes : tuple[str, ...]
        What is odd about where they came from.
    """

    split: str
    columns: pa.Table
    classes: dict[str, list[str]]
    place: str
    origin: NDArray[np.int64] | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return int(self.columns.num_rows)

    def values(self, name: str) -> pa.ChunkedArray:
        """Return a column, without the dictionary or extension type it may be stored with."""
        column = self.columns[name]
        if isinstance(column.type, pa.BaseExtensionType):
            column = pa.chunked_array(
                [chunk.storage for chunk in column.chunks], column.type.storage_type
            )
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        return column

    def at(self, row: int) -> str:
        """Name a row: counted from 1."""
        row = row if self.origin is None else int(self.origin[row])
        return f"row {row + 1:,} of {self.split}"

    def rows(self, chosen: NDArray[np.int64]) -> Table:
        """Return some rows."""
        origin = np.arange(len(self)) if self.origin is None else self.origin
        return replace(self, columns=self.columns.take(pa.array(chosen)), origin=origin[chosen])


def kind_of(table: Table, name: str) -> tuple[str, tuple[int, ...]]:
    """Return the kind of a column and the shape of one value.

    A list is of kind ``numbers`` where all have one shape and hold numbers.
    """
    if name in table.classes:
        return "classes", ()
    column = table.values(name)
    kind = column.type
    if pa.types.is_null(kind) or column.null_count == len(column):
        return "empty", ()
    if pa.types.is_boolean(kind):
        return "boolean", ()
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number", ()
    if _is_text(kind):
        return "text", ()
    if pa.types.is_temporal(kind):
        return "time", ()
    if pa.types.is_struct(kind):
        fields = {kind.field(number).name: kind.field(number).type for number in range(len(kind))}
        picture = _is_binary(fields.get("bytes")) or (
            "path" in fields and pa.types.is_null(fields.get("bytes", pa.int8()))
        )
        return ("picture" if picture else "struct"), ()
    if _is_binary(kind):
        return ("picture" if _opens(column) else "bytes"), ()
    if _is_list(kind):
        shape = _list_shape(column)
        return ("numbers", shape) if shape is not None else ("lists", ())
    return str(kind).split("<")[0], ()


def about(table: Table, name: str, kind: str) -> str:
    """Say why a column of a kind that no model takes is left out."""
    if kind == "text":
        values = table.values(name)
        numeric = _numeric(values)
        present = len(values) - values.null_count
        if 0 < numeric.sum() < present:
            row = int(np.flatnonzero(~numeric & _present(values))[0])
            return (
                f"text; {int(numeric.sum()):,} of {present:,} values are numbers, "
                f"{values[row].as_py()!r} in {table.at(row)} is not"
            )
    if kind == "lists":
        return "lists of different lengths, or not of numbers"
    return {"empty": "holds nothing"}.get(kind, kind)


def holes(table: Table, name: str) -> NDArray[np.int64]:
    """Return the rows in which a column has no value, or not a number."""
    values = table.values(name)
    missing = ~_present(values)
    if pa.types.is_floating(values.type):
        missing |= np.asarray(pc.fill_null(pc.is_nan(values), True))
    return np.flatnonzero(missing)


def matrix(table: Table, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return a column of numbers as float64 of shape (rows, width); what is missing is NaN."""
    values = table.values(name)
    width = math.prod(shape)
    if not shape:
        return _floats(values).reshape(-1, 1)
    whole = np.full((len(values), width), np.nan)
    present = np.flatnonzero(_present(values))
    flat = pc.drop_null(values)
    for _ in shape:
        flat = pc.list_flatten(flat)
    whole[present] = _floats(flat).reshape(len(present), width)
    return whole


def lost_in_float64(table: Table, name: str) -> bool:
    """Whether whole numbers of a column differ, but none does as float64."""
    values = table.values(name)
    if not pa.types.is_integer(values.type):
        return False
    ends = pc.min_max(values)
    low, high = ends["min"].as_py(), ends["max"].as_py()
    return low is not None and low != high and float(low) == float(high)


def python_values(table: Table, name: str) -> list[Any]:
    """Return the values of a column; no value and not a number are ``None``."""
    values = table.values(name).to_pylist()
    if name in table.classes:
        return [None if v is None else _class_name(table, name, v) for v in values]
    return [None if isinstance(v, float) and math.isnan(v) else v for v in values]


def _class_name(table: Table, name: str, code: int) -> str | int:
    names = table.classes[name]
    return names[code] if 0 <= code < len(names) else code


def coded(table: Table, name: str) -> tuple[NDArray[np.int32], int] | None:
    """Return a number for each distinct value, in their order; ``None`` where one is missing."""
    if holes(table, name).size:
        return None
    if name in table.classes:
        return _codes(table.values(name).to_pylist())
    return _codes(python_values(table, name))


def _codes(values: list[Any]) -> tuple[NDArray[np.int32], int]:
    code = {value: number for number, value in enumerate(sorted(set(values)))}
    return np.array([code[value] for value in values], dtype=np.int32), len(code)


def _floats(values: pa.ChunkedArray) -> NDArray[np.float64]:
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.uint8())
    if pa.types.is_decimal(values.type):
        values = values.cast(pa.float64())
    floats = pc.cast(values, pa.float64(), safe=False)
    return np.array(floats.to_numpy(zero_copy_only=False), dtype=np.float64)


def _present(values: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.array(pc.is_valid(values).to_numpy(zero_copy_only=False), dtype=bool)


def _numeric(values: pa.ChunkedArray) -> NDArray[np.bool_]:
    found = np.zeros(len(values), dtype=bool)
    for row, value in enumerate(values.to_pylist()):
        with suppress(ValueError):
            found[row] = value is not None and math.isfinite(float(value))
    return found


def _list_shape(column: pa.ChunkedArray) -> tuple[int, ...] | None:
    """Shape of each list where it is the same for all, no list has a hole, and all are numbers."""
    shape: list[int] = []
    values = pc.drop_null(column)
    while _is_list(values.type):
        lengths = pc.unique(pc.list_value_length(values))
        if len(lengths) != 1 or not lengths[0].as_py():
            return None
        shape.append(int(lengths[0].as_py()))
        values = pc.list_flatten(values)
    kind = values.type
    fits = pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return tuple(shape) if fits and not values.null_count else None


def _opens(column: pa.ChunkedArray) -> bool:
    from PIL import Image

    first = next((value.as_py() for value in column if value.is_valid), b"")
    try:
        with Image.open(BytesIO(first)):
            return True
    except Exception:
        return False


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _is_binary(kind: pa.DataType | None) -> bool:
    return kind is not None and bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
    )


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def no_value(key: str, table: Table, name: str, rows: NDArray[np.int64]) -> InputError:
    """Build the error for a column with holes."""
    more = f" (and {rows.size - 1:,} more)" if rows.size > 1 else ""
    return InputError(f"{key}: column {name!r} has no value in {table.at(int(rows[0]))}{more}")
