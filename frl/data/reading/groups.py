"""The columns of the training split by which clients can be told apart."""

from __future__ import annotations

from frl.data.dataset import Columns
from frl.data.reading.columns import NAMES, Table, coded, holes, kind_of, no_value
from frl.data.reading.options import Reading
from frl.data.schema import Schema
from frl.errors import InputError

_FLOATS = ("float", "double", "halffloat", "decimal")


def groups_of(table: Table, schema: Schema, reading: Reading) -> Columns:
    """Return numbers for the values of each column that can own examples.

    Columns with holes and columns of fractions are numbered only where ``data.column`` asks.

    Raises
    ------
    InputError
        If the column that was asked for has a hole, or holds what is no name.
    """
    found: Columns = {}
    for column in schema.columns:
        asked = column.name == reading.group
        if column.use == "label":
            continue
        kind, _ = kind_of(table, column.name)
        if kind not in NAMES:
            if asked:
                raise InputError(
                    f"data.column: column {column.name!r} holds {kind}; takes {', '.join(NAMES)}"
                )
            continue
        if asked and holes(table, column.name).size:
            raise no_value("data.column", table, column.name, holes(table, column.name))
        if not asked and str(table.values(column.name).type).startswith(_FLOATS):
            continue
        codes = coded(table, column.name)
        if codes is not None:
            found[column.name] = codes[0]
    return found
