"""The fingerprint of a data set: one hexadecimal number of all that a run takes from it.

Equal data have equal fingerprints wherever they lie and in whatever kind of file; one changed
value, label, class name, group or row makes another, and so does another order of rows.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from frl.data.dataset import DataSet

_METHOD = 1
"""Counted up whenever equal data would come out otherwise."""
_DIGITS = 32


def fingerprint_of(data: DataSet) -> str:
    """Return the fingerprint of a data set: 32 hexadecimal digits of a SHA-256.

    It covers the examples and labels of both splits with their types and shapes, the number and
    names of the classes in order, the columns by which clients can be divided, which features are
    not standardised, what the codes of text stand for, and what suits the training images. Paths,
    the name of the data set and the cache play no part.
    """
    digest = hashlib.sha256()
    head: list[Any] = [_METHOD, data.classes, list(data.labels), data.augmentation]
    if data.schema.indicators:
        head.append(list(data.schema.indicators))
    if data.schema.codes:
        head.append([[column.encoding, column.alphabet] for column in data.schema.inputs])
    digest.update(json.dumps(head).encode())
    named = {
        "train inputs": data.train.inputs,
        "train labels": data.train.labels,
        "test inputs": data.test.inputs,
        "test labels": data.test.labels,
        **{f"column {name}": data.columns[name] for name in sorted(data.columns)},
    }
    for name, array in named.items():
        values = _little_endian(array)
        digest.update(json.dumps([name, values.dtype.str, values.shape]).encode())
        digest.update(values.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()[:_DIGITS]


def _little_endian(array: NDArray[Any]) -> NDArray[Any]:
    values = np.ascontiguousarray(array)
    return values.astype(values.dtype.newbyteorder("<"), copy=False)
