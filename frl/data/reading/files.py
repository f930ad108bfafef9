"""From a folder or an id of the Hugging Face hub to a table for each split."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from frl.data.listing import files_of
from frl.data.reading.columns import Table
from frl.data.reading.formats import TABLES, formats_of
from frl.data.reading.tables import one_table, readable
from frl.errors import FRLError, InputError

log = logging.getLogger(__name__)

_SAVED = ("dataset_dict.json", "state.json")
"""Files in a folder that ``save_to_disk`` of the ``datasets`` library wrote."""
_ABOUT = ("README.md", "LICENSE", "dataset_infos.json")
_BESIDE_PICTURES = (".zip", "metadata.csv", "metadata.jsonl", "metadata.parquet")


def read_tables(where: str, *, single: bool = False) -> dict[str, Table]:
    """Read every split of a folder or hub id.

    Parameters
    ----------
    where : str
    single : bool
        Whether a folder of pictures may have one class folder only.

    Raises
    ------
    InputError
        If it cannot be read: the file and the reason, in one line.
    """
    import datasets

    datasets.disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    logging.getLogger("datasets").setLevel(logging.CRITICAL)
    log.info("decoding %s (once; kept in the cache)", where)
    try:
        if any((Path(where) / name).is_file() for name in _SAVED):
            return _of_saved(where)
        with _real(Path(where)) as folder:
            tables, read = _of_builder(str(folder), where, single)
            passed_over = _passed_over(folder, read)
        if passed_over and "train" in tables:
            tables["train"] = replace(tables["train"], notes=passed_over)
        return tables
    except FRLError:
        raise
    except Exception as error:
        raise InputError(f"data: cannot read {where!r}: {reason(error)}") from None


def reason(error: BaseException) -> str:
    """Return the first line of what lies behind an error: libraries wrap what they catch."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


@contextmanager
def _real(folder: Path) -> Iterator[Path]:
    """Give a folder without symbolic links to folders, which ``datasets`` does not follow."""
    linked = any(
        (Path(parent) / name).is_symlink() for parent, names, _ in os.walk(folder) for name in names
    )
    if not linked:
        yield folder
        return
    with TemporaryDirectory(prefix="frl-") as temporary:
        mirror = Path(temporary) / folder.resolve().name
        for path in files_of(folder):
            place = mirror / path.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(path.resolve())
        yield mirror


def _of_saved(folder: str) -> dict[str, Table]:
    import datasets

    found = datasets.load_from_disk(folder)
    splits = found if isinstance(found, datasets.DatasetDict) else {"train": found}
    return {name: _of_dataset(name, split, folder) for name, split in splits.items()}


def _passed_over(folder: Path, read: Iterable[str]) -> tuple[str, ...]:
    """Say which files of a folder were not read: not a hidden one, nor what describes the data."""
    if not folder.is_dir():
        return ()
    known = {Path(path).resolve() for path in read}
    found = [path.relative_to(folder) for path in files_of(folder) if path.resolve() not in known]
    odd = [p for p in found if p.name not in _ABOUT and not any(x[0] == "." for x in p.parts)]
    if not odd:
        return ()
    few = ", ".join(repr(path.as_posix()) for path in odd[:3])
    return (f"files that are not read: {len(odd):,}, {few}{' and others' * (len(odd) > 3)}",)


def _of_builder(folder: str, where: str, single: bool) -> tuple[dict[str, Table], list[str]]:
    """Return the tables of a folder, and the files that they were read from."""
    import datasets

    formats = formats_of(Path(folder))
    if formats and all(readable(how.module, {"": files}) for how, files in formats.values()):
        tables = {
            split: one_table(
                how.module,
                split,
                files,
                datasets.load_dataset_builder(how.module, data_files=files, **how.options).config,
            )
            for split, (how, files) in formats.items()
        }
        return tables, [path for _, files in formats.values() for path in files]
    builder = datasets.load_dataset_builder(folder)
    module = type(builder).__module__.rpartition(".")[2]
    files = getattr(builder.config, "data_files", None) or {}
    paths = {str(name): [str(path) for path in found] for name, found in files.items()}
    read = [path for found in paths.values() for path in found]
    own = builder.info.features is None and getattr(builder.config, "features", None) is None
    if module in TABLES and own and readable(module, paths):
        tables = {
            name: one_table(module, name, found, builder.config) for name, found in paths.items()
        }
        return tables, read
    if module == "imagefolder":
        kinds = (*builder.EXTENSIONS, *_BESIDE_PICTURES)
        read = [path for path in read if path.lower().endswith(kinds)]
        splits = datasets.load_dataset(folder, **({"drop_labels": False} if single else {}))
        _check_class_folders(splits, where)
    else:
        splits = datasets.load_dataset(folder)
    return {name: _of_dataset(name, split, where) for name, split in splits.items()}, read


def _of_dataset(name: str, split: Any, place: str) -> Table:
    import datasets

    classes = {
        column: list(feature.names)
        for column, feature in split.features.items()
        if isinstance(feature, datasets.ClassLabel)
    }
    return Table(name, split.with_format("arrow")[:], classes, place)


def _check_class_folders(splits: Any, where: str) -> None:
    for name, split in splits.items():
        named = split.column_names
        unlabelled = "label" in named and split.data["label"].null_count == len(split) > 0
        if set(named) == {"image"} or unlabelled:
            raise InputError(
                f"data: the pictures of {where!r} have no labels (split {name}); takes two or more "
                "class folders, as in train/cat/1.png, or a metadata.csv with a label"
            )
