"""Messages taken apart for another process: big arrays apart from the rest.

Ray moves NumPy arrays through shared memory without pickling them, but a Flower ``Array`` holds
``bytes``. So the bytes of all array records travel as NumPy views, and what all messages of a round
share travels once.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, MetricRecord, RecordDict
from numpy.typing import NDArray

from frl.grids.internals import Metadata, assemble

SmallRecords: TypeAlias = dict[str, ConfigRecord | MetricRecord]


class FlatArray(NamedTuple):
    """One Flower ``Array``, its bytes as a NumPy view."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    stype: str
    data: NDArray[np.uint8]


FlatRecord: TypeAlias = tuple[FlatArray, ...]


class Parcel(NamedTuple):
    """A message without its array records."""

    metadata: Metadata
    error: Error | None
    small: SmallRecords


class Request(NamedTuple):
    """A message on its way to a worker.

    Attributes
    ----------
    parcel : Parcel
    refs : dict of str to ray.ObjectRef
        The message's array records.
    state : RecordDict
        Of this client's context.
    """

    parcel: Parcel
    refs: dict[str, Any]
    state: RecordDict


class Failure(NamedTuple):
    """A client app raised."""

    reason: str
    traceback: str


class Reply(NamedTuple):
    """The answer of a worker to one request: a message taken apart, or a failure."""

    parcel: Parcel | None
    big: dict[str, FlatRecord]
    state: RecordDict | None
    failure: Failure | None


def flatten(record: ArrayRecord) -> FlatRecord:
    """Take an array record apart, without copying."""
    return tuple(
        FlatArray(name, a.dtype, tuple(a.shape), a.stype, np.frombuffer(a.data, dtype=np.uint8))
        for name, a in record.items()
    )


def restore(flat: FlatRecord) -> ArrayRecord:
    """Put an array record together; this copies the bytes once."""
    return ArrayRecord(
        {
            name: Array(dtype, shape, stype, data.tobytes())
            for name, dtype, shape, stype, data in flat
        }
    )


def split(message: Message) -> tuple[Parcel, dict[str, ArrayRecord]]:
    """Separate a message from its array records."""
    if message.has_error():
        return Parcel(message.metadata, message.error, {}), {}
    big: dict[str, ArrayRecord] = {}
    small: SmallRecords = {}
    for name, record in message.content.items():
        if isinstance(record, ArrayRecord):
            big[name] = record
        else:
            small[name] = record
    return Parcel(message.metadata, None, small), big


def join(parcel: Parcel, big: dict[str, ArrayRecord]) -> Message:
    """Put a message together."""
    if parcel.error is not None:
        return assemble(parcel.metadata, None, parcel.error)
    records: dict[str, Any] = {**big, **parcel.small}
    return assemble(parcel.metadata, RecordDict(records), None)
