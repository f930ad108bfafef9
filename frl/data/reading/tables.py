"""CSV, JSON and Parquet files: each read whole, so that one notion of a column holds in all."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from frl.data.reading.columns import Table
from frl.errors import InputError

_ROWS = 100
"""Names of columns that a message holds at most."""


def readable(module: str, splits: dict[str, list[str]]) -> bool:
    """Whether all files are plain local ones that this module reads."""
    endings = (".zip", ".tar", ".gz") if module == "parquet" else (".zip", ".tar")
    return all(
        "://" not in path and Path(path).is_file() and not path.endswith(endings)
        for paths in splits.values()
        for path in paths
    )


def one_table(module: str, split: str, paths: list[str], config: Any) -> Table:
    """Read the files of one split, which must have the same columns.

    Parameters
    ----------
    module : {"csv", "json", "parquet"}
    split : str
    paths : list of str
    config : datasets.BuilderConfig
        Of that module.

    Raises
    ------
    InputError
        If a file cannot be read, or does not fit the first.
    """
    found = [_read(module, path, config) for path in paths]
    for path, (table, classes) in zip(paths, found, strict=True):
        first, names = found[0]
        missing = sorted(set(first.column_names) ^ set(table.column_names))
        if missing:
            raise InputError(
                f"data: {paths[0]} and {path} differ in columns: only one of them has "
                f"{', '.join(map(repr, missing[:_ROWS]))}"
            )
        if classes != names:
            raise InputError(f"data: {paths[0]} and {path} name different classes")
    tables = [table.select(found[0][0].column_names) for table, _ in found]
    for path, table in zip(paths, tables, strict=True):
        _check_types(paths[0], tables[0], path, table)
    whole = pa.concat_tables(tables, promote_options="permissive")
    return Table(split, whole, found[0][1], str(Path(paths[0]).parent))


def _read(module: str, path: str, config: Any) -> tuple[pa.Table, dict[str, list[str]]]:
    from frl.data.reading.files import reason

    readers = {"csv": _csv, "json": _json, "parquet": _parquet}
    try:
        table, classes = readers[module](path, config)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"data: cannot read {str(Path(path).resolve())!r}: {reason(error)}"
        ) from None
    twice = [name for name, count in Counter(table.column_names).items() if count > 1]
    if twice:
        raise InputError(f"data: {path} has two columns {twice[0]!r}")
    return table, classes


def _csv(path: str, config: Any) -> tuple[pa.Table, dict[str, list[str]]]:
    import pandas as pd

    keys = {**config.pd_read_csv_kwargs, "chunksize": None}
    frame = (
        pd.read_csv(path, low_memory=False, **keys)
        if keys.get("engine") is None
        else (pd.read_csv(path, **keys))
    )
    if keys.get("index_col") is None and not frame.index.equals(pd.RangeIndex(len(frame))):
        raise InputError(f"data: rows of {path} have more values than its first line has names")
    if keys.get("header") == "infer" and keys.get("names") is None:
        head = pd.read_csv(path, **{**keys, "header": None, "nrows": 1, "dtype": str})
        names = [str(name) for name in head.iloc[0].tolist()] if len(head) else []
        twice = [name for name, count in Counter(names).items() if count > 1 and name != "nan"]
        if twice:
            raise InputError(f"data: {path} has two columns {twice[0]!r}")
    return pa.Table.from_pandas(frame, preserve_index=False), {}


def _json(path: str, config: Any) -> tuple[pa.Table, dict[str, list[str]]]:
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8-sig") as file:
        text = str(file.read())
    if getattr(config, "field", None):
        records: Any = json.loads(text)[config.field]
    elif text.lstrip().startswith("["):
        records = json.loads(text)
    else:
        records = _lines(path, text)
    if isinstance(records, list) and len(records) == 1 and _is_of_columns(records[0]):
        records = [
            dict(zip(records[0], row, strict=True))
            for row in zip(*records[0].values(), strict=True)
        ]
    wrong = next((n for n, record in enumerate(records, 1) if not isinstance(record, dict)), None)
    if wrong is not None:
        raise InputError(f"data: record {wrong:,} of {path} is no object with a value a column")
    names = list(dict.fromkeys(name for record in records for name in record))
    return pa.table({name: _array(path, name, records) for name in names}), {}


def _lines(path: str, text: str) -> list[Any]:
    try:
        return [json.loads(text)]
    except ValueError:
        pass
    records = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                records.append(json.loads(line))
            except ValueError as error:
                raise InputError(f"data: line {number:,} of {path} is no JSON: {error}") from None
    return records


def _is_of_columns(record: Any) -> bool:
    """Whether an object is a whole table, as a list of equal length for each column."""
    if not isinstance(record, dict) or not record:
        return False
    values = list(record.values())
    if not all(isinstance(value, list) for value in values):
        return False
    return len({len(value) for value in values}) == 1 and len(values) > 1


def _array(path: str, name: str, records: list[dict[str, Any]]) -> pa.Array:
    values = [record.get(name) for record in records]
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError) as error:
        kinds = {
            type(value).__name__: row for row, value in enumerate(values, 1) if value is not None
        }
        if len(kinds) > 1:
            said = " and ".join(f"{kind} (row {row:,})" for kind, row in list(kinds.items())[:2])
            raise InputError(f"data: column {name!r} of {path} mixes {said}") from None
        raise InputError(f"data: column {name!r} of {path}: {error}") from None


def _parquet(path: str, config: Any) -> tuple[pa.Table, dict[str, list[str]]]:
    import datasets
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        table = file.read()
    classes: dict[str, list[str]] = {}
    if b"huggingface" in (table.schema.metadata or {}):
        for name, feature in datasets.Features.from_arrow_schema(table.schema).items():
            if isinstance(feature, datasets.ClassLabel):
                classes[name] = list(feature.names)
    return table.replace_schema_metadata(None), classes


def _check_types(first_path: str, first: pa.Table, path: str, table: pa.Table) -> None:
    for name in first.column_names:
        one, other = first.schema.field(name).type, table.schema.field(name).type
        try:
            pa.unify_schemas(
                [pa.schema([(name, one)]), pa.schema([(name, other)])], promote_options="permissive"
            )
        except pa.ArrowException:
            raise InputError(
                f"data: column {name!r} is {one} in {first_path} and {other} in {path}"
            ) from None
