"""A client's own folder: the training examples of a table or pictures like those of the run."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frl.data.data_spec import UNREADABLE, DataSpec, OwnDataError, said_as
from frl.data.dataset import standardised
from frl.data.reading.categories import MOST, unknown_categories
from frl.data.reading.columns import Table
from frl.data.reading.encoding import Encoded, encode
from frl.data.reading.features import features_of, fill
from frl.data.reading.files import read_tables
from frl.data.reading.labels import classes_of, codes_of, label_column
from frl.data.reading.options import STRIDE, UNITS, Reading
from frl.data.reading.pictures import decode_pictures, to_bytes
from frl.data.reading.roles import check_same_columns, roles_of
from frl.data.schema import Schema, told
from frl.errors import InputError

log = logging.getLogger("flwr")

_COLUMNS = "its columns are not those of the run"
_LABELS = "its labels are incomplete, or no classes"
_VALUES = "it has values that the run does not take"


def read_own(folder: str, data_spec: DataSpec) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Decode a folder as the data of the run are.

    Parameters
    ----------
    folder : str
    data_spec : DataSpec
        Of the run.

    Returns
    -------
    dict of arrays
        ``inputs`` and ``labels``, codes of the classes of this folder.
    dict
        Names of those, as ``labels``.

    Raises
    ------
    OwnDataError
        If it cannot be read, or is not like the run's.
    """
    run, reading = _of_the_run(data_spec)
    pictures, text = len(data_spec.example) == 3, run.codes
    inputs: NDArray[Any]
    with said_as(UNREADABLE):
        table = _training_table(read_tables(str(Path(folder).resolve()), single=True))
        named = run.label in table.columns.column_names or (text and not run.label)
        label = "" if named else label_column(table, Reading())
    if run.label and not pictures and label:
        log.error("data.path: no label column %r", run.label)
        raise OwnDataError(f"data.path: {_COLUMNS}")
    label = label or run.label
    if pictures:
        with said_as(UNREADABLE):
            columns, _ = roles_of(table, label, Reading())
            column = Schema(columns).inputs[0]
            if column.kind != "picture":
                raise InputError(f"no picture among its columns, only {column}")
            decoded = decode_pictures(table, column.name, reading)
            (inputs,), *_ = to_bytes([decoded], reading, run.range)
    elif text:
        encoded = _codes(table, run, reading)
        table, inputs = encoded.table, encoded.inputs
        if encoded.following is not None:
            return {"inputs": inputs, "labels": encoded.following}, {"labels": data_spec.labels}
    else:
        table, inputs = _features(table, label, run, reading, data_spec)
    with said_as(_LABELS):
        classes = classes_of(table, label, table)
        codes = codes_of(table, label, classes)
    return {"inputs": inputs, "labels": codes}, {"labels": [_named(v) for v in classes.values]}


def _of_the_run(data_spec: DataSpec) -> tuple[Schema, Reading]:
    """Read what the server said of the run's data: of options, those that change values."""
    if not data_spec.schema:
        return Schema(), Reading()
    try:
        run = told(data_spec.schema)
        if any(len(column.categories) > MOST for column in run.inputs):
            raise ValueError(f"a column of more than {MOST} categories")
        if run.codes and any(len(c.shape) != 1 or c.encoding not in UNITS for c in run.inputs):
            raise ValueError("a column of text without its encoding and length")
        text = run.inputs[0] if run.codes else None
        return run, Reading(
            resize=run.reading.get("resize", ""),
            convert=run.reading.get("convert", ""),
            missing=run.reading.get("missing", "refuse"),
            text=text.encoding if text else "leave_out",
            length=text.shape[0] if text else 0,
            stride=int(run.reading.get("stride", STRIDE)),
        )
    except (KeyError, TypeError, ValueError, RecursionError, AttributeError) as error:
        log.error("data.path: the data spec of the run cannot be understood: %s", error)
        raise OwnDataError("data.path: the data spec of the run cannot be understood") from None


def _training_table(tables: dict[str, Table]) -> Table:
    name = next(iter(tables)) if len(tables) == 1 else "train"
    if name not in tables:
        raise InputError(f"takes one split, or train; found {', '.join(tables)}")
    if not len(tables[name]):
        raise InputError(f"split {name!r} has no rows")
    return tables[name]


def _codes(table: Table, run: Schema, reading: Reading) -> Encoded:
    with said_as(_COLUMNS):
        inputs = replace(run, columns=run.inputs)
        check_same_columns(replace(table, split="the run"), table, inputs)
    with said_as(_VALUES):
        encoded = encode(table, run.inputs[0], reading.missing, reading.stride)
    for note in encoded.notes:
        log.warning("data.path: %s", note)
    return encoded


def _features(
    table: Table, label: str, run: Schema, reading: Reading, data_spec: DataSpec
) -> tuple[Table, NDArray[np.float64]]:
    with said_as(_COLUMNS):
        schema = run
        if run.inputs:
            inputs = replace(run, columns=run.inputs)
            check_same_columns(replace(table, split="the run"), table, inputs)
        else:
            schema = Schema(roles_of(table, label, Reading())[0])
        if schema.inputs[0].kind == "picture":
            raise InputError("it holds pictures; the run takes a table")
    with said_as(_VALUES):
        values = features_of(table, schema.inputs)
        if values.shape[1:] != data_spec.example:
            return table, values
        filled = fill(values, table, schema.inputs, reading.missing, data_spec.mean)
        for note in unknown_categories(table, schema.inputs):
            log.warning("data.path: %s", note)
        kept = table if len(filled.rows) == len(table) else table.rows(filled.rows)
        bad = ~np.isfinite(standardised(filled.values, data_spec.mean, data_spec.std))
        if bad.any():
            raise InputError(f"{kept.at(int(np.argwhere(bad)[0, 0]))} is beyond float32")
    return kept, filled.values


def _named(value: Any) -> str:
    """Name a class as a table of whole numbers would."""
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)
