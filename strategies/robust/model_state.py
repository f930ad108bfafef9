"""The global state of a round: arrays that a rule works on, and buffers, which are carried.

What is a buffer: :mod:`frl.exchange.app_arrays`. Statistics are on another scale than weights, so
that distances between updates would be distances between statistics; and a step of a server's
optimiser can make a variance negative. So neither the rule nor the inner strategy sees buffers: the
state takes on the median of what the counting clients sent (the lower one for integers, a value
that some client sent), or, under the rule ``mean``, their mean as the inner strategy weighs it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from flwr.app import ArrayRecord
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.errors import InputError, MessageError
from frl.exchange.app_arrays import FLOATS, WHOLE, flat_float32, read_like, read_state, trained
from frl.exchange.messages import MalformedError, arrays_record, read_array


class ModelState:
    """The state that a round begins with, and how replies and results relate to it.

    Parameters
    ----------
    record : ArrayRecord
        Arrays of real numbers of any type and shape.

    Attributes
    ----------
    record : ArrayRecord
    arrays : dict of str to array
        In the order of the record.
    ruled, buffers : tuple of str
        Names, in that order.
    sizes : tuple of int
        Values of each ruled array.

    Raises
    ------
    InputError
        If an array holds no real numbers, or not only finite ones, or there is nothing to rule.
    """

    def __init__(self, record: ArrayRecord) -> None:
        self.record = record
        try:
            self.arrays = read_state(record)
        except MessageError as error:
            raise InputError(f"initial_arrays: {error.detail}; takes real numbers") from None
        for name, values in self.arrays.items():
            if not np.isfinite(values).all():
                raise InputError(f"initial_arrays: layer {name!r} is not finite")
        self.ruled = trained(self.arrays)
        self.buffers = tuple(name for name in self.arrays if name not in self.ruled)
        self.sizes = tuple(self.arrays[name].size for name in self.ruled)
        if not self.ruled:
            raise InputError("initial_arrays: there is no floating array that is not a buffer")

    @property
    def flat(self) -> NDArray[np.float32]:
        """The ruled arrays one after another, shape (d,)."""
        return self.joined(self.arrays)

    def joined(self, arrays: Arrays) -> NDArray[np.float32]:
        """Put arrays of the names of the ruled ones, of any shapes, one after another."""
        return np.concatenate([flat_float32(arrays[name]) for name in self.ruled])

    def read(self, record: ArrayRecord) -> Arrays:
        """Read arrays of the same names, types and shapes, the buffers finite.

        Raises
        ------
        MalformedError
            If they are others.
        """
        arrays = read_like(record, self.arrays)
        for name in self.buffers:
            if not np.isfinite(arrays[name]).all():
                raise MalformedError("non-finite", f"layer {name!r}")
        return arrays

    def split(self, vector: NDArray[np.float32]) -> Arrays:
        """Cut a vector of shape (d,) into the shapes of the ruled arrays."""
        parts, start = {}, 0
        for name, size in zip(self.ruled, self.sizes, strict=True):
            parts[name] = vector[start : start + size].reshape(self.arrays[name].shape)
            start += size
        return parts

    def moved(self, vector: NDArray[np.float32]) -> ArrayRecord:
        """Return the ruled arrays moved by a vector of shape (d,), in their own types."""
        return arrays_record(
            {
                name: (self.arrays[name] + part).astype(self.arrays[name].dtype)
                for name, part in self.split(vector).items()
            }
        )

    def only_ruled(self, record: ArrayRecord) -> ArrayRecord:
        """Return a record without its buffers; the arrays are shared."""
        return ArrayRecord({name: record[name] for name in self.ruled}) if self.buffers else record

    def completed(self, record: ArrayRecord, buffers: Mapping[str, NDArray[Any]]) -> ArrayRecord:
        """Put an inner strategy's result and buffers together, in the types of the state.

        Raises
        ------
        MalformedError
            If the result is not finite, or of other names or shapes than it was made from.
        """
        if set(record) != set(self.ruled):
            raise MalformedError("wrong-layers", "the result has other layers than it was made of")
        whole: dict[str, NDArray[Any]] = dict(buffers)
        for name in self.ruled:
            values = read_array(name, record[name], FLOATS)
            with np.errstate(over="ignore"):
                whole[name] = values.astype(self.arrays[name].dtype, copy=False)
            if values.shape != self.arrays[name].shape:
                raise MalformedError("wrong-shape", f"layer {name!r} of the result")
            if not np.isfinite(whole[name]).all():
                raise MalformedError("non-finite", f"layer {name!r} of the result")
        return arrays_record({name: whole[name] for name in self.arrays})

    def carried(self, replies: Sequence[Arrays], shares: NDArray[np.float64] | None) -> Arrays:
        """Return the buffers after a round.

        Parameters
        ----------
        replies : sequence of Arrays
            Of the clients that count, at least one.
        shares : array of shape (replies,), optional
            Weights of a mean, of sum 1; by default the median.
        """
        return {
            name: _middle([arrays[name] for arrays in replies], shares) for name in self.buffers
        }


def _middle(values: Sequence[NDArray[Any]], shares: NDArray[np.float64] | None) -> NDArray[Any]:
    stack = np.stack(values)
    if stack.dtype.name in WHOLE or not stack.size:
        middle: NDArray[Any] = np.sort(stack, axis=0)[(len(values) - 1) // 2]
        return middle
    if shares is None:
        return np.asarray(np.median(stack, axis=0), dtype=stack.dtype)
    mean = np.tensordot(shares, stack.astype(np.float64), axes=1)
    return np.asarray(mean, dtype=stack.dtype)
