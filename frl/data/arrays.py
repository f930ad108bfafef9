"""A data set of arrays that somebody already has."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from frl.data.dataset import DataSet, Split, spread_of
from frl.errors import InputError

Pair: TypeAlias = tuple[Any, Any]
"""Examples and labels, as arrays or tensors."""


def dataset_of(train: Pair, test: Pair, name: str = "own") -> DataSet:
    """Make a data set of two pairs of examples and labels.

    Parameters
    ----------
    train, test : pair of arrays
        uint8 images of shape (n, channels, height, width), or float32 features of shape
        (n, features); and integer labels of shape (n,), from 0. Inputs are normalised by mean and
        standard deviation of the training examples.
    name : str

    Raises
    ------
    InputError
        If they are of other types or shapes, not finite, or do not fit each other.
    """
    trains, tests = _split("train", train), _split("test", test)
    if trains.inputs.shape[1:] != tests.inputs.shape[1:]:
        raise InputError(
            f"data: train and test hold examples of shapes {trains.inputs.shape[1:]} and "
            f"{tests.inputs.shape[1:]}; takes one shape"
        )
    classes = 1 + int(max(trains.labels.max(), tests.labels.max()))
    return DataSet(name, trains, tests, classes, *spread_of(trains.inputs))


def _split(part: str, pair: Pair) -> Split:
    try:
        inputs, labels = (np.asarray(array) for array in pair)
    except (TypeError, ValueError):
        raise InputError(f"data: {part} takes a pair of arrays, examples and labels") from None
    if (inputs.dtype.name, inputs.ndim) not in (("uint8", 4), ("float32", 2)):
        raise InputError(
            f"data: {part} holds {inputs.dtype} examples of shape {inputs.shape}; takes uint8 "
            "images of shape (n, channels, height, width) or float32 features of shape "
            "(n, features)"
        )
    if inputs.dtype != np.uint8 and not np.isfinite(inputs).all():
        row, column = (int(index) for index in np.argwhere(~np.isfinite(inputs))[0])
        raise InputError(
            f"data: {part} has {inputs[row, column]} in column {column}, row {row} of its array; "
            "takes finite numbers"
        )
    return Split(inputs, _labels(part, labels, len(inputs)))


def _labels(part: str, labels: NDArray[Any], count: int) -> NDArray[np.int64]:
    if labels.shape != (count,) or not count or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"data: {part} holds {labels.dtype} labels of shape {labels.shape}; takes an integer "
            f"for each of {count} examples, and at least one"
        )
    if labels.min() < 0:
        raise InputError(f"data: {part} holds the label {labels.min()}; takes 0 or more")
    return labels.astype(np.int64)
