"""A client's own data: one local folder, read on the client's machine, that must fit the run.

What is wrong with it is said in words that give nothing of it away, for they go to the server; the
details are logged here.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frl.data.data_spec import UNREADABLE, DataSpec, OwnDataError, said_as
from frl.data.dataset import DataSet, Split
from frl.data.listing import listing_of
from frl.data.store import Store, cache_folder
from frl.errors import InputError

log = logging.getLogger("flwr")

_FORMAT = 2


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
    with said_as(UNREADABLE):
        if not Path(folder).is_dir():
            raise InputError(f"no folder {folder!r}")
        key = json.dumps(["own", _FORMAT, listing_of(Path(folder)), data_spec])
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    arrays, about = Store(cache_folder() / f"own-{digest}").get(lambda: _read(folder, data_spec))
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


def _read(folder: str, data_spec: DataSpec) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    from frl.data.reading.own_folder import read_own

    return read_own(folder, data_spec)


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
