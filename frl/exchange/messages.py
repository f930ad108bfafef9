"""What travels: the layout of train messages and replies, and reading arrays without trust.

A train message holds ``arrays`` (the global state, one array a layer) and ``config`` (round, client
id and seed); in a deployment also ``terms``: what data must be like. A reply holds ``arrays`` (the
update) and ``metrics``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from io import BytesIO
from math import prod
from typing import Any, NamedTuple, cast

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from numpy.typing import NDArray

from frl.errors import MessageError

ARRAYS, CONFIG, METRICS, TERMS = "arrays", "config", "metrics", "terms"
ROUND, CLIENT, SEED = "server-round", "client-id", "seed"
REMEMBER = "remember-state"
EXAMPLES, LOSS, SECONDS, STEPS = "num-examples", "train-loss", "train-seconds", "train-steps"

_DTYPES = ("int32", "float32", "uint8", "uint16")


class MalformedError(MessageError):
    """A message that does not hold what it must."""


class Task(NamedTuple):
    """What a train message asks."""

    round: int
    client: int
    seed: int


class Report(NamedTuple):
    """What a client says of its training; nothing in it is trusted."""

    examples: int
    loss: float
    seconds: float
    steps: int


def arrays_record(arrays: Mapping[str, NDArray[Any]]) -> ArrayRecord:
    """Pack one array a layer, in the format of ``numpy.save``, with one copy of the bytes."""
    return ArrayRecord({name: _pack(array) for name, array in arrays.items()})


def _pack(array: NDArray[Any]) -> Array:
    contiguous = np.asarray(array, order="C")
    header = BytesIO()
    np.lib.format.write_array_header_1_0(
        header, np.lib.format.header_data_from_array_1_0(contiguous)
    )
    data = b"".join((header.getvalue(), contiguous.reshape(-1).view(np.uint8).data))
    return Array(str(contiguous.dtype), contiguous.shape, "numpy.ndarray", data)


def read_arrays(record: ArrayRecord) -> dict[str, NDArray[Any]]:
    """Unpack one array a layer, without copying: the arrays are read-only views.

    Raises
    ------
    MalformedError
        If a layer is not a plain array of a number type we use, or its bytes do not fit its header.
    """
    return {name: _read(name, array) for name, array in record.items()}


def _read(name: str, array: Array) -> NDArray[Any]:
    if array.stype != "numpy.ndarray":
        raise MalformedError("wrong-dtype", f"layer {name!r} is serialised as {array.stype!r}")
    try:
        stream = BytesIO(array.data[:1024])
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0
        shape, fortran, dtype = (
            header(stream) if version == (1, 0) else np.lib.format.read_array_header_2_0(stream)
        )
    except Exception as error:
        raise MalformedError("undecodable", f"layer {name!r}: {error}") from None
    if dtype.name not in _DTYPES or not dtype.isnative:
        raise MalformedError("wrong-dtype", f"layer {name!r} holds {dtype}")
    body = memoryview(array.data)[stream.tell() :]
    if len(body) != prod(shape) * dtype.itemsize:
        raise MalformedError("undecodable", f"layer {name!r}: {len(body)} bytes do not fit {shape}")
    return np.frombuffer(body, dtype=dtype).reshape(shape, order="F" if fortran else "C")


def train_content(
    state: ArrayRecord,
    task: Task,
    terms: ConfigRecord | None = None,
    *,
    remember: bool = False,
) -> RecordDict:
    """Content of a train message; ``state`` is shared by the messages of a round, not copied.

    With ``remember`` the client is asked to keep the state, for a later one may be coded given it.
    """
    config = ConfigRecord({ROUND: task.round, CLIENT: task.client, SEED: task.seed})
    if remember:
        config[REMEMBER] = True
    content = RecordDict({ARRAYS: state, CONFIG: config})
    if terms is not None:
        content[TERMS] = terms
    return content


def read_terms(message: Message) -> ConfigRecord | None:
    """Return what a train message says of the data of the run, if it does."""
    record = message.content.get(TERMS)
    return record if isinstance(record, ConfigRecord) else None


def read_task(message: Message) -> Task:
    """Read what a train message asks."""
    config = cast(ConfigRecord, message.content[CONFIG])
    return Task(
        round=cast(int, config[ROUND]),
        client=cast(int, config[CLIENT]),
        seed=cast(int, config[SEED]),
    )


def reply_content(update: ArrayRecord, report: Report) -> RecordDict:
    """Content of a reply."""
    metrics = MetricRecord(
        {
            EXAMPLES: report.examples,
            LOSS: report.loss,
            SECONDS: report.seconds,
            STEPS: report.steps,
        }
    )
    return RecordDict({ARRAYS: update, METRICS: metrics})


def update_record(message: Message) -> ArrayRecord:
    """Return the record that holds the update of a reply.

    Raises
    ------
    MalformedError
        If there is none.
    """
    record = message.content.get(ARRAYS)
    if not isinstance(record, ArrayRecord):
        raise MalformedError("no-update", f"records are {sorted(message.content)}")
    return record


def read_update(message: Message) -> dict[str, NDArray[Any]]:
    """Read the update of a reply.

    Raises
    ------
    MalformedError
        If it holds none, or one that cannot be read.
    """
    return read_arrays(update_record(message))


def read_report(message: Message) -> Report:
    """Read what a client says of its training.

    Raises
    ------
    MalformedError
        If the number of examples is missing or no integer; the other figures default to 0.
    """
    record = message.content.get(METRICS)
    examples = record.get(EXAMPLES) if isinstance(record, MetricRecord) else None
    if not isinstance(examples, int):
        raise MalformedError("sample-count", f"{EXAMPLES} is {examples!r}")
    metrics = cast(MetricRecord, record)
    loss, seconds, steps = (metrics.get(key, 0) for key in (LOSS, SECONDS, STEPS))
    return Report(
        examples=examples,
        loss=float(loss) if isinstance(loss, int | float) else 0.0,
        seconds=float(seconds) if isinstance(seconds, int | float) else 0.0,
        steps=int(steps) if isinstance(steps, int) else 0,
    )


def digest(state: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of a global state: names, types, shapes and bytes, layer by layer."""
    sha = hashlib.sha256()
    for name, array in state.items():
        sha.update(f"{name}:{array.dtype.str}:{array.shape};".encode())
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()
