"""Sources of data: the embedded digits, a local folder, or a data set of the Hugging Face hub.

A local folder and a hub id take the same path through ``datasets``; what is decoded is kept as
memory-mapped arrays (:mod:`frl.data.store`).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frl.data.dataset import DataSet, Split, spread_of
from frl.data.decoding import Decoded, decode, read_splits
from frl.data.store import Store, cache_folder
from frl.errors import InputError, unknown

_FORMAT = 2


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


def load(name: str, path: str = "") -> DataSet:
    """Load a data set, from the cache where it was decoded before.

    Parameters
    ----------
    name : str
        A short name (``frl list datasets``), a hub id such as ``"ylecun/mnist"``, or a folder.
    path : str
        A local folder that holds the data set, instead of the hub.

    Raises
    ------
    InputError
        If there is no such name or folder, or its columns cannot be understood.
    """
    known = _SOURCES.get(name) or _by_hub_id(name)
    folder = path or (name if known is None and Path(name).is_dir() else "")
    if folder and not Path(folder).is_dir():
        raise InputError(f"data.path: no folder {folder!r}")
    if known is None and not folder and "/" not in name:
        raise unknown("data set", name, _SOURCES)
    known = known or _SOURCES.get(Path(folder).name)
    if known is not None and not known.hub and not folder:
        identity = f"embedded:{name}"
    else:
        identity = fingerprint(Path(folder)) if folder else f"hub:{known.hub if known else name}"
    key = hashlib.sha256(f"{_FORMAT}:{identity}".encode()).hexdigest()[:16]
    store = Store(cache_folder() / f"{Path(folder or name).name}-{key}")

    def build() -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        if identity == "embedded:digits":
            return _pack(_digits())
        return _pack(decode(read_splits(folder or (known.hub if known else name))))

    arrays, about = store.get(build)
    return DataSet(
        name=name,
        train=Split(arrays["train_inputs"], arrays["train_labels"]),
        test=Split(arrays["test_inputs"], arrays["test_labels"]),
        classes=about["classes"],
        mean=tuple(about["mean"]),
        std=tuple(about["std"]),
        augmentation=known.augmentation if known else "none",
        columns={
            column.removeprefix("column_"): values
            for column, values in arrays.items()
            if column.startswith("column_")
        },
        labels=tuple(about["labels"]),
    )


def is_known(name: str) -> bool:
    """Whether a name is a short name, or the hub id of such a data set; neither is a folder."""
    return name in _SOURCES or _by_hub_id(name) is not None


def _by_hub_id(name: str) -> Source | None:
    return next((source for source in _SOURCES.values() if source.hub and source.hub == name), None)


def fingerprint(folder: Path) -> str:
    """Name a local folder by where it is and by the sizes and times of its files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise InputError(f"data.path: folder {str(folder)!r} holds no files")
    listing = [
        (str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns)
        for path in files
    ]
    return json.dumps([str(folder.resolve()), listing])


def _pack(decoded: Decoded) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    arrays: dict[str, NDArray[Any]] = {
        "train_inputs": decoded.train.inputs,
        "train_labels": decoded.train.labels,
        "test_inputs": decoded.test.inputs,
        "test_labels": decoded.test.labels,
    }
    arrays.update({f"column_{name}": values for name, values in decoded.columns.items()})
    mean, std = spread_of(decoded.train.inputs)
    about = {"classes": decoded.classes, "mean": mean, "std": std, "labels": decoded.labels}
    return arrays, about


def _digits() -> Decoded:
    """Scikit-learn's digits; every fifth example is held out."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = (bunch.images * 15).astype(np.uint8)[:, None]
    labels = bunch.target.astype(np.int64)
    held_out = np.arange(len(labels)) % 5 == 0
    return Decoded(
        train=Split(images[~held_out], labels[~held_out]),
        test=Split(images[held_out], labels[held_out]),
        classes=10,
        columns={},
        labels=tuple(map(str, range(10))),
    )
