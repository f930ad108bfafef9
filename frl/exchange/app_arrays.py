"""The arrays of any Flower app: which are trained parameters, and which are buffers.

A buffer is an array of integers or booleans, whatever its name, a floating array whose name ends in
``running_mean``, ``running_var`` or ``num_batches_tracked`` (an average of counters is no integer),
and an array without values.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from flwr.app import ArrayRecord, MetricRecord, RecordDict
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.exchange.messages import MalformedError, read_array

FLOATS = ("float16", "float32", "float64")
WHOLE = ("bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))
"""Names of the number types that are taken."""
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
"""Ends of the names of floating buffers."""

_MOST_NAME = 60
_Record = TypeVar("_Record", ArrayRecord, MetricRecord)


def read_state(record: ArrayRecord) -> Arrays:
    """Read arrays of real numbers of any shape, as read-only views.

    Raises
    ------
    MalformedError
        If an array holds anything else.
    """
    return {name: read_array(name, array, (*FLOATS, *WHOLE)) for name, array in record.items()}


def read_like(record: ArrayRecord, state: Arrays) -> Arrays:
    """Read arrays of the names, types and shapes of a state, in its order, as read-only views.

    Names are compared before anything is parsed, so that the time is bounded by the model, whatever
    was sent.

    Raises
    ------
    MalformedError
        If they are others.
    """
    if len(record) != len(state):
        raise MalformedError("wrong-layers", f"{len(record)} layers; the model has {len(state)}")
    for name in record:
        if name not in state:
            raise MalformedError("wrong-layers", f"the model has no {name[:_MOST_NAME]!r}")
    return {name: _read_like(name, record, sent) for name, sent in state.items()}


def _read_like(name: str, record: ArrayRecord, sent: NDArray[Any]) -> NDArray[Any]:
    values = read_array(name, record[name], (sent.dtype.name,))
    if values.shape != sent.shape:
        found = f"layer {name!r} has shape {values.shape}, not {sent.shape}"
        raise MalformedError("wrong-shape", found)
    return values


def is_buffer(name: str, values: NDArray[Any]) -> bool:
    """Whether an array of a state is a buffer."""
    return values.dtype.name in WHOLE or not values.size or name.endswith(STATISTICS)


def trained(state: Arrays) -> tuple[str, ...]:
    """Names of the arrays of a state that are no buffers, in its order."""
    return tuple(name for name, values in state.items() if not is_buffer(name, values))


def flat_float32(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return the values of an array of any shape as float32, shape (n,)."""
    return values.reshape(-1).astype(np.float32)


def the_only(content: RecordDict, kind: type[_Record]) -> tuple[str, _Record]:
    """Return the only record of a kind and its name.

    Raises
    ------
    MalformedError
        If there is none, or another one.
    """
    found = [(name, record) for name, record in content.items() if isinstance(record, kind)]
    if not found:
        missing = "no-update" if kind is ArrayRecord else "wrong-metrics"
        raise MalformedError(missing, f"there is no {kind.__name__}")
    if len(found) > 1:
        raise MalformedError("extra-records", f"{len(found)} of kind {kind.__name__}")
    return found[0]
