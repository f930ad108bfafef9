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
        If they are of other types or shapes, or do not fit each other.
    """
    splits = [_split(part, pair) for part, pair in (("train", train), ("test", test))]
    if splits[0].inputs.shape[1:] != splits[1].inputs.shape[1:]:
        shapes = " and ".join(str(split.inputs.shape[1:]) for split in splits)
        raise InputError(f"data: train and test hold examples of shapes {shapes}; takes one shape")
    classes = 1 + max(int(split.labels.max()) for split in splits)
    return DataSet(name, *splits, classes, *spread_of(splits[0].inputs))


def _split(part: str, pair: Pair) -> Split:
    try:
        inputs, labels = (np.asarray(array) for array in pair)
    except (TypeError, ValueError):
        raise InputError(f"data: {part} takes a pair of arrays, examples and labels") from None
    if (inputs.dtype, inputs.ndim) not in ((np.uint8, 4), (np.float32, 2)):
        raise InputError(
            f"data: {part} holds {inputs.dtype} examples of shape {inputs.shape}; takes uint8 "
            "images of shape (n, channels, height, width) or float32 features of shape "
            "(n, features)"
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
