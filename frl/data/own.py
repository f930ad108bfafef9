"""A client's own data: one local folder, read on the client's machine, that must fit the run.

What is wrong with it is said in words that give nothing of it away, for they go to the server; the
details are logged here.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frl.data.columns import Table
from frl.data.data_spec import DataSpec
from frl.data.dataset import DataSet, Split, standardised
from frl.data.features import features_of, fill
from frl.data.files import read_tables
from frl.data.labels import classes_of, codes_of, label_column
from frl.data.pictures import decode_pictures, to_bytes
from frl.data.reading import Reading
from frl.data.roles import check_same_columns, roles_of
from frl.data.schema import Schema, told
from frl.data.sources import listing_of
from frl.data.store import Store, cache_folder
from frl.errors import InputError

log = logging.getLogger("flwr")

_FORMAT = 2
_UNREADABLE = "the folder cannot be read as a data set"
_COLUMNS = "its columns are not those of the run"
_LABELS = "its labels are incomplete, or no classes"
_VALUES = "it has values that the run does not take"


class OwnDataError(InputError):
    """A client's own data do not fit the run; the text tells nothing of them but that."""


class WholePartition(NamedTuple):
    """The partition of a machine that has one client's data and no other's."""

    examples: int
    clients: int = 1

    def of(self, client: int) -> NDArray[np.int64]:
        """All rows."""
        return np.arange(self.examples)


def load_own(folder: str, data_spec: DataSpec) -> DataSet:
    """Read a local folder as the training examples of one client.

    The inputs of a table are the columns that the run has, by their names and types, whatever their
    order and whatever else the folder holds. Labels are matched by name, whatever codes they have
    here; numbers that are no names of classes are taken for codes. Inputs are normalised as
    everywhere in the run.

    Parameters
    ----------
    folder : str
        What ``datasets`` can read: Parquet, CSV or JSON files, or a folder of images for each
        class. A test split is not needed and not read.
    data_spec : DataSpec
        Of the run.

    Raises
    ------
    OwnDataError
        If it cannot be read or does not fit.
    """
    with _said(_UNREADABLE):
        if not Path(folder).is_dir():
            raise InputError(f"no folder {folder!r}")
        key = json.dumps(["own", _FORMAT, listing_of(Path(folder)), data_spec])
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    arrays, about = Store(cache_folder() / f"own-{digest}").get(lambda: _decoded(folder, data_spec))
    inputs, labels = arrays["inputs"], np.asarray(arrays["labels"])
    if inputs.shape[1:] != data_spec.example:
        raise OwnDataError(
            f"data.path: examples have shape {tuple(inputs.shape[1:])}; the run takes "
            f"{data_spec.example}"
        )
    return DataSet(
        name="own",
        train=Split(inputs, _recoded(labels, about["labels"], data_spec.labels)),
        test=Split(inputs[:0], labels[:0]),
        classes=len(data_spec.labels),
        mean=data_spec.mean,
        std=data_spec.std,
        augmentation=data_spec.augmentation,
        labels=data_spec.labels,
    )


@contextmanager
def _said(words: str) -> Iterator[None]:
    """Log what is wrong here, and tell the server no more than these words."""
    try:
        yield
    except InputError as error:
        log.error("data.path: %s", error)
        raise OwnDataError(f"data.path: {words}") from None


def _decoded(folder: str, data_spec: DataSpec) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    run, reading = _of_the_run(data_spec)
    pictures = len(data_spec.example) == 3
    inputs: NDArray[Any]
    with _said(_UNREADABLE):
        table = _training_table(read_tables(str(Path(folder).resolve()), single=True))
        label = "" if run.label in table.columns.column_names else label_column(table, Reading())
    if run.label and not pictures and label:
        log.error("data.path: no label column %r", run.label)
        raise OwnDataError(f"data.path: {_COLUMNS}")
    label = label or run.label
    if pictures:
        with _said(_UNREADABLE):
            columns, _ = roles_of(table, label, Reading())
            column = Schema(columns).inputs[0]
            if column.kind != "picture":
                raise InputError(f"no picture among its columns, only {column}")
            decoded = decode_pictures(table, column.name, reading)
            (inputs,), *_ = to_bytes([decoded], reading, run.range)
    else:
        table, inputs = _features(table, label, run, reading, data_spec)
    with _said(_LABELS):
        classes = classes_of(table, label, table)
        codes = codes_of(table, label, classes)
    return {"inputs": inputs, "labels": codes}, {"labels": [_named(v) for v in classes.values]}


def _of_the_run(data_spec: DataSpec) -> tuple[Schema, Reading]:
    """Read what the server said of the run's data: of options, those that change values."""
    if not data_spec.schema:
        return Schema(), Reading()
    try:
        run = told(data_spec.schema)
        kept = {key: run.reading.get(key, "") for key in ("resize", "convert")}
        return run, Reading(**kept, missing=run.reading.get("missing", "refuse"))
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


def _features(
    table: Table, label: str, run: Schema, reading: Reading, data_spec: DataSpec
) -> tuple[Table, NDArray[np.float64]]:
    with _said(_COLUMNS):
        schema = run
        if run.inputs:
            inputs = replace(run, columns=run.inputs)
            check_same_columns(replace(table, split="the run"), table, inputs)
        else:
            schema = Schema(roles_of(table, label, Reading())[0])
        if schema.inputs[0].kind == "picture":
            raise InputError("it holds pictures; the run takes a table")
    with _said(_VALUES):
        values = features_of(table, schema.inputs)
        if values.shape[1:] != data_spec.example:
            return table, values
        filled = fill(values, table, schema.features, reading.missing, data_spec.mean)
        kept = table if len(filled.rows) == len(table) else table.rows(filled.rows)
        bad = ~np.isfinite(standardised(filled.values, data_spec.mean, data_spec.std))
        if bad.any():
            raise InputError(f"{kept.at(int(np.argwhere(bad)[0, 0]))} is beyond float32")
    return kept, filled.values


def _named(value: Any) -> str:
    """Name a class as a table of whole numbers would."""
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def _recoded(
    labels: NDArray[np.int64], names: list[str], classes: tuple[str, ...]
) -> NDArray[np.int64]:
    """Turn the codes of a folder into those of the run, by the names of the classes."""
    code = {name: number for number, name in enumerate(classes)}
    code |= {_plain(name): number for name, number in code.items() if _plain(name) not in code}
    if not any(name in code for name in names) and all(name.isdecimal() for name in names):
        code = {str(number): number for number in range(len(classes))}
    present = [names[number] for number in np.unique(labels)]
    strange = [name for name in present if name not in code]
    if strange:
        log.error("data.path: labels %s are none of %s", strange, classes)
        raise OwnDataError(
            f"data.path: {len(strange)} of its labels are no classes of the run "
            f"({len(classes)} classes)"
        )
    table = np.array([code.get(name, 0) for name in names], dtype=np.int64)
    return table[labels]


def _plain(name: str) -> str:
    """Write the name of a class that is a whole number without its fraction."""
    return name.removesuffix(".0") if name.removesuffix(".0").isdecimal() else name
