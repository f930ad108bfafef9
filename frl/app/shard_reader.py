"""One shard as arrays: from a pair of arrays, a torch Dataset, or a Hugging Face dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from frl.data import Split
from frl.errors import InputError

_READ_TWICE = 4
"""Examples of a data set that are read again, to find one that changes them at random."""
_KNOWN_LABELS = ("label", "labels")
_TAKES = "takes (inputs, labels), or a dataset with a length"


def read_shard(name: str, shard: Any) -> Split:
    """Read a shard and check all of it.

    Parameters
    ----------
    name : str
        What errors call it.
    shard : pair of arrays, Dataset, or Hugging Face dataset
        ``(inputs, labels)``: NumPy arrays or tensors. A ``torch.utils.data.Dataset`` of examples
        ``(input, label)``, read in its order. A Hugging Face dataset of two columns, one of them
        of class labels or called ``label``. Pictures become ``(channels, height, width)``.

    Returns
    -------
    Split
        Inputs are uint8 as they are, int64 for other integers, else float32; labels int64.

    Raises
    ------
    InputError
        If it is no shard: no labels, no examples, of unequal shapes, not finite, or changing.
    """
    if isinstance(shard, tuple) or _is_pair_of_arrays(shard):
        if len(shard) != 2:
            raise InputError(f"{name}: got a tuple of {len(shard)}; takes (inputs, labels)")
        try:
            inputs, labels = (_array(part) for part in shard)
        except ValueError as error:
            raise InputError(f"{name}: {first_line(error)}") from None
    elif hasattr(shard, "column_names") and hasattr(shard, "features"):
        inputs, labels = _columns(name, shard)
    elif isinstance(shard, np.ndarray | torch.Tensor | dict | str):
        raise InputError(f"{name}: got a {type(shard).__name__} without labels; {_TAKES}")
    elif hasattr(shard, "__len__") and hasattr(shard, "__getitem__"):
        inputs, labels = _examples(name, shard)
    else:
        held = getattr(shard, "dataset", None)
        hint = "takes its dataset" if held is not None else _TAKES
        raise InputError(f"{name}: got a {type(shard).__name__}; {hint}")
    return Split(_inputs(name, inputs), _labels(name, labels, inputs))


def first_line(error: Exception) -> str:
    """Say what an exception is, in a line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _is_pair_of_arrays(shard: Any) -> bool:
    kinds = (np.ndarray, torch.Tensor)
    return isinstance(shard, list) and len(shard) == 2 and all(isinstance(p, kinds) for p in shard)


def _array(part: Any) -> NDArray[Any]:
    if isinstance(part, torch.Tensor):
        return part.detach().cpu().numpy()
    if hasattr(part, "getbands"):
        pixels = np.asarray(part)
        return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return np.asarray(part)


def _examples(name: str, shard: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    inputs: list[NDArray[Any]] = []
    labels: list[NDArray[Any]] = []
    for number in range(len(shard)):
        found = _example(name, shard, number)
        if found[0].shape != (inputs or [found[0]])[0].shape:
            raise InputError(
                f"{name}: example {number} has shape {found[0].shape}, example 0 {inputs[0].shape}"
            )
        inputs.append(found[0])
        labels.append(found[1])
    for number, (first, label) in enumerate(zip(inputs[:_READ_TWICE], labels, strict=False)):
        again = _example(name, shard, number)
        if not (np.array_equal(first, again[0], equal_nan=True) and label == again[1]):
            raise InputError(
                f"{name}: example {number} is another one each time it is read; takes a dataset "
                "without random changes (augmentation= makes them from the seed)"
            )
    if not inputs:
        return np.empty((0, 1), np.float32), np.empty(0, np.int64)
    return np.stack(inputs), np.stack(labels)


def _example(name: str, shard: Any, number: int) -> tuple[NDArray[Any], NDArray[Any]]:
    try:
        example = shard[number]
    except Exception as error:
        raise InputError(
            f"{name}: ended after {number} of {len(shard)} examples: {first_line(error)}"
        ) from None
    if not isinstance(example, tuple | list) or len(example) != 2:
        raise InputError(
            f"{name}: example {number} is a {type(example).__name__} without a label; takes "
            "(input, label)"
        )
    try:
        made, label = _array(example[0]), _array(example[1])
    except ValueError as error:
        raise InputError(f"{name}: example {number}: {first_line(error)}") from None
    if label.ndim:
        raise InputError(f"{name}: label of example {number} has shape {label.shape}; takes one")
    return made, label


def _columns(name: str, shard: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    features = shard.features
    if isinstance(shard, dict) or features is None:
        raise InputError(f"{name}: got a {type(shard).__name__}; takes one split of it")
    columns = list(shard.column_names)
    classes = [column for column in columns if hasattr(features[column], "num_classes")]
    known = classes or [column for column in columns if column in _KNOWN_LABELS]
    others = [column for column in columns if column not in known]
    if len(known) != 1 or len(others) != 1:
        raise InputError(
            f"{name}: which of the columns {', '.join(columns)} is the input and which the label "
            "is not plain; takes two, one of them of class labels or called 'label' (see "
            "select_columns)"
        )
    try:
        values = [_array(value) for value in shard[others[0]]]
        labels = np.asarray(list(shard[known[0]]))
    except ValueError as error:
        raise InputError(f"{name}: column {others[0]!r}: {first_line(error)}") from None
    shapes = sorted({value.shape for value in values})
    if len(shapes) > 1:
        raise InputError(f"{name}: examples of shapes {shapes[0]} and {shapes[1]}")
    return np.stack(values) if values else np.empty((0, 1), np.float32), labels


def _inputs(name: str, inputs: NDArray[Any]) -> NDArray[Any]:
    if inputs.dtype.kind not in "buif":
        raise InputError(f"{name}: inputs are of type {inputs.dtype}; takes numbers of one shape")
    if inputs.ndim < 2:
        raise InputError(f"{name}: inputs have shape {inputs.shape}; takes (examples, ...)")
    if not len(inputs):
        raise InputError(f"{name}: has no examples")
    if inputs.dtype == np.uint8:
        return inputs
    if inputs.dtype.kind in "iu" and inputs.max(initial=0) <= np.iinfo(np.int64).max:
        return np.ascontiguousarray(inputs, dtype=np.int64)
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(inputs, dtype=np.float32)
    if not np.isfinite(values).all():
        raise InputError(f"{name}: inputs are not all finite float32 numbers")
    return values


def _labels(name: str, labels: NDArray[Any], inputs: NDArray[Any]) -> NDArray[np.int64]:
    if labels.dtype.kind not in "ui":
        raise InputError(f"{name}: labels are of type {labels.dtype}; takes integers from 0")
    if labels.shape != inputs.shape[:1]:
        raise InputError(
            f"{name}: labels have shape {labels.shape}; takes {inputs.shape[:1]}, one an example"
        )
    if labels.min() < 0 or labels.max() > np.iinfo(np.int32).max:
        worst = labels.min() if labels.min() < 0 else labels.max()
        raise InputError(f"{name}: there is a label {worst}; takes integers from 0")
    return np.ascontiguousarray(labels, dtype=np.int64)
