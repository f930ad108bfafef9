"""Sources of data: the embedded digits, a local folder, or a data set of the Hugging Face hub.

A local folder and a hub id take the same path through ``datasets``; what is decoded is kept as
memory-mapped arrays (:mod:`frl.data.store`).
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from frl.data.dataset import DataSet, Split, spread_of
from frl.data.listing import listing_of
from frl.data.reading.options import Reading
from frl.data.schema import Column, Schema, schema_from
from frl.data.store import Store, cache_folder
from frl.errors import InputError, unknown

if TYPE_CHECKING:
    from frl.data.reading.decoding import Decoded

log = logging.getLogger(__name__)

_FORMAT = 6
"""Counted up whenever the same files would be decoded otherwise."""
Entry: TypeAlias = tuple[dict[str, NDArray[Any]], dict[str, Any]]


class Source(NamedTuple):
    """A data set we know by a short name.

    Attributes
    ----------
    hub : str
        Id on the Hugging Face hub; empty for embedded data.
    augmentation : str
        For its training images.
    about : str
        One line.
    """

    hub: str
    augmentation: str
    about: str


_SOURCES = {
    "digits": Source("", "none", "1,797 handwritten digits of 8x8 pixels, embedded (scikit-learn)"),
    "mnist": Source("ylecun/mnist", "none", "70,000 handwritten digits of 28x28 pixels"),
    "fashion_mnist": Source(
        "zalando-datasets/fashion_mnist", "none", "70,000 articles of clothing of 28x28 pixels"
    ),
    "cifar10": Source("uoft-cs/cifar10", "crop-flip", "60,000 photographs of 32x32 pixels"),
}


def sources() -> dict[str, Source]:
    """Return the data sets known by a short name; any hub id or folder works as well."""
    return dict(_SOURCES)


def load(name: str, path: str = "", reading: Reading | None = None) -> DataSet:
    """Load a data set, from the cache where it was decoded before.

    A short name means the data set we know by it, whatever folders there are; ``path`` reads a
    folder whatever its name.

    Parameters
    ----------
    name : str
        A short name (``frl list datasets``), a hub id such as ``"ylecun/mnist"``, or a folder.
    path : str
        A local folder that holds the data set, instead of the hub.
    reading : Reading, optional
        Which columns and splits are what, and what is done to them.

    Raises
    ------
    InputError
        If there is no such name or folder, or its columns cannot be understood.
    """
    reading = reading or Reading()
    known = _SOURCES.get(name) or _by_hub_id(name)
    folder = path or (name if known is None and _is_path(name) else "")
    if folder:
        _check_folder("data.path" if path else "data.name", Path(folder))
    elif known is None and "/" not in name:
        raise unknown("data set", name, _SOURCES)
    elif name in _SOURCES and Path(name).is_dir():
        log.warning("data.name %r is the data set we know; data.path reads the folder", name)
    known = known or _SOURCES.get(Path(folder).name)
    augmentation = known.augmentation if known else "none"
    if known is not None and not known.hub and not folder:
        return _embedded(name, reading)
    place = folder or (known.hub if known else name)
    identity = listing_of(Path(folder)) if folder else f"hub:{place}"

    def cached(how: Reading) -> Store:
        key = json.dumps([_FORMAT, augmentation, identity, how.record()])
        digest = hashlib.sha256(key.encode()).hexdigest()[:16]
        return Store(cache_folder() / f"{Path(folder or name).name}-{digest}")

    def build() -> Entry:
        from frl.data.reading.decoding import decode
        from frl.data.reading.files import read_tables

        return _entry(name, augmentation, decode(read_tables(place), reading))

    store = cached(reading)
    if reading.group and _serves(cached(replace(reading, group="")), reading.group):
        store = cached(replace(reading, group=""))
    return _kept(name, augmentation, *store.get(build))


def _serves(store: Store, group: str) -> bool:
    """Whether what was decoded without a column of owners is the same with it."""
    found = store.open() if store.folder.exists() else None
    if found is None:
        return False
    schema = schema_from(found[1]["schema"])
    return group in found[1]["columns"] and group not in {each.name for each in schema.inputs}


def _embedded(name: str, reading: Reading) -> DataSet:
    asked = [key for key in reading.record() if key != "group"]
    if asked:
        raise InputError(f"data.{asked[0]}: the embedded {name} are read as they are; takes none")
    key = hashlib.sha256(f"{_FORMAT}:embedded:{name}".encode()).hexdigest()[:16]
    store = Store(cache_folder() / f"{name}-{key}")
    return _kept(name, "none", *store.get(lambda: _entry(name, "none", _digits())))


def _is_path(name: str) -> bool:
    return Path(name).exists() or name.startswith(("/", "./", "../", "~"))


def _check_folder(key: str, folder: Path) -> None:
    if folder.is_dir():
        return
    if folder.is_file():
        raise InputError(
            f"{key}: {str(folder)!r} is a file; takes the folder that holds it, with files for the "
            "splits train and test"
        )
    raise InputError(f"{key}: no folder {str(folder)!r}")


def is_known(name: str) -> bool:
    """Whether a name is a short name, or the hub id of such a data set; neither is a folder."""
    return name in _SOURCES or _by_hub_id(name) is not None


def _by_hub_id(name: str) -> Source | None:
    return next((source for source in _SOURCES.values() if source.hub and source.hub == name), None)


def _entry(name: str, augmentation: str, decoded: Decoded) -> Entry:
    """Return what the cache keeps of a data set, its fingerprint included."""
    arrays: dict[str, NDArray[Any]] = {
        "train_inputs": decoded.train.inputs,
        "train_labels": decoded.train.labels,
        "test_inputs": decoded.test.inputs,
        "test_labels": decoded.test.labels,
    }
    for number, values in enumerate(decoded.columns.values()):
        arrays[f"column_{number}"] = values
    mean, std = spread_of(decoded.train.inputs, decoded.schema.indicators)
    about = {
        "classes": decoded.classes,
        "mean": mean,
        "std": std,
        "labels": decoded.labels,
        "columns": list(decoded.columns),
        "schema": decoded.schema.record(),
    }
    return arrays, {**about, "fingerprint": _made(name, augmentation, arrays, about).fingerprint}


def _kept(
    name: str, augmentation: str, arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]
) -> DataSet:
    dataset = _made(name, augmentation, arrays, about)
    dataset.__dict__["fingerprint"] = about["fingerprint"]
    return dataset


def _made(
    name: str, augmentation: str, arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]
) -> DataSet:
    return DataSet(
        name=name,
        train=Split(arrays["train_inputs"], arrays["train_labels"]),
        test=Split(arrays["test_inputs"], arrays["test_labels"]),
        classes=about["classes"],
        mean=tuple(about["mean"]),
        std=tuple(about["std"]),
        augmentation=augmentation,
        columns={
            column: arrays[f"column_{number}"] for number, column in enumerate(about["columns"])
        },
        labels=tuple(about["labels"]),
        schema=schema_from(about["schema"]),
    )


def _digits() -> Decoded:
    """Scikit-learn's digits; every fifth example is held out."""
    from sklearn.datasets import load_digits

    from frl.data.reading.decoding import Decoded

    bunch = load_digits()
    images = (bunch.images * 15).astype(np.uint8)[:, None]
    labels = bunch.target.astype(np.int64)
    names = tuple(map(str, range(10)))
    held_out = np.arange(len(labels)) % 5 == 0
    return Decoded(
        train=Split(images[~held_out], labels[~held_out]),
        test=Split(images[held_out], labels[held_out]),
        classes=10,
        columns={},
        labels=names,
        schema=Schema(
            columns=(Column("image", "picture", "input"), Column("label", "number", "label")),
            splits={"train": int((~held_out).sum()), "test": int(held_out.sum())},
            classes=names,
            example=(1, 8, 8),
        ),
    )
