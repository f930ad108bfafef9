"""A client's own data: one local folder, read on the client's machine, that must fit the run.

What is wrong with it is said in words that give nothing of it away, for they go to the server; the
details are logged here.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frl.data.data_spec import DataSpec
from frl.data.dataset import DataSet, Split
from frl.data.decoding import decode, read_splits
from frl.data.sources import listing_of
from frl.data.store import Store, cache_folder
from frl.errors import InputError

log = logging.getLogger("flwr")

_FORMAT = 1


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

    Labels are matched by name, whatever codes they have here; numbers that are no names of classes
    are taken for codes. Inputs are normalised as everywhere in the run.

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
    try:
        arrays, about = _decoded(folder)
    except InputError as error:
        log.error("data.path: %s", error)
        raise OwnDataError("data.path: the folder cannot be read as a data set") from None
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


def _decoded(folder: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    if not Path(folder).is_dir():
        raise InputError(f"no folder {folder!r}")
    key = hashlib.sha256(f"own:{_FORMAT}:{listing_of(Path(folder))}".encode()).hexdigest()[:16]

    def build() -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        found = decode(_read(Path(folder).resolve()), untested=True)
        arrays = {"inputs": found.train.inputs, "labels": found.train.labels}
        return arrays, {"labels": found.labels}

    return Store(cache_folder() / f"own-{key}").get(build)


def _read(folder: Path) -> Any:
    """Open a folder; images are labelled by their folders, even where there is only one."""
    from datasets.packaged_modules.imagefolder.imagefolder import ImageFolder

    files = [path for path in folder.rglob("*") if path.is_file()]
    if all(path.suffix.lower() in ImageFolder.EXTENSIONS for path in files):
        return read_splits("imagefolder", data_dir=str(folder), drop_labels=False)
    return read_splits(str(folder))


def _recoded(
    labels: NDArray[np.int64], names: list[str], classes: tuple[str, ...]
) -> NDArray[np.int64]:
    """Turn the codes of a folder into those of the run, by the names of the classes."""
    code = {name: number for number, name in enumerate(classes)}
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
