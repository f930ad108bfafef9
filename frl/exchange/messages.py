"""Train messages and replies: their layout, and reading arrays without trust.

A train message holds ``arrays`` (the global state, one array a layer) and ``config`` (round, client
id and seed); in a deployment also ``terms``, the data spec. A reply holds ``arrays`` (the
update) and ``metrics``, and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from io import BytesIO
from math import prod
from typing import Any, NamedTuple, cast

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.errors import MessageError
from frl.task import Task

ARRAYS, CONFIG, METRICS, DATA_SPEC = "arrays", "config", "metrics", "terms"
ROUND, CLIENT, SEED = "server-round", "client-id", "seed"
REMEMBER = "remember-state"
EXAMPLES, LOSS, SECONDS, STEPS = "num-examples", "train-loss", "train-seconds", "train-steps"

_DTYPES = ("int32", "float32", "uint8", "uint16")
_MOST_FIGURE = 1e12
"""A loss or a time that is larger, or no number, counts as 0."""
_MOST_NAME = 60
"""Characters of a name that somebody sent which an error quotes."""


class MalformedError(MessageError):
    """A message that does not hold what it must."""


class Report(NamedTuple):
    """A client's report of its training; nothing in it is trusted, but every figure is finite."""

    examples: int
    loss: float
    seconds: float
    steps: int


class Answer(NamedTuple):
    """The content of a reply: the record of the update, not decoded yet, and the report."""

    record: ArrayRecord
    report: Report


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


def read_arrays(record: ArrayRecord, layers: Collection[str] | None = None) -> Arrays:
    """Unpack one array a layer, without copying: the arrays are read-only views.

    Parameters
    ----------
    record : ArrayRecord
    layers : collection of str, optional
        Names that there must be, in this order. They are compared before anything is parsed, so
        that the time is bounded by the model, whatever was sent.

    Raises
    ------
    MalformedError
        If there are other layers, if a layer is not a plain array of a number type we use, or if
        its bytes do not fit its header.
    """
    if layers is not None:
        _require_names(record, layers)
    return {name: read_array(name, array) for name, array in record.items()}


def _require_names(record: ArrayRecord, layers: Collection[str]) -> None:
    if len(record) != len(layers):
        raise MalformedError("wrong-layers", f"{len(record)} layers; the model has {len(layers)}")
    for name, expected in zip(record, layers, strict=True):
        if name != expected:
            raise MalformedError(
                "wrong-layers", f"layer {name[:_MOST_NAME]!r}, where the model has {expected!r}"
            )


def read_array(name: str, array: Array, dtypes: Collection[str] = _DTYPES) -> NDArray[Any]:
    """Unpack one array without copying: a read-only view.

    Parameters
    ----------
    name : str
        Of the layer, for errors.
    array : Array
    dtypes : collection of str
        Names of the number types that are taken.

    Raises
    ------
    MalformedError
        See :func:`read_arrays`.
    """
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
    if dtype.name not in dtypes or not dtype.isnative:
        raise MalformedError("wrong-dtype", f"layer {name!r} holds {dtype}")
    body = memoryview(array.data)[stream.tell() :]
    if len(body) != prod(shape) * dtype.itemsize:
        raise MalformedError("undecodable", f"layer {name!r}: {len(body)} bytes do not fit {shape}")
    return np.frombuffer(body, dtype=dtype).reshape(shape, order="F" if fortran else "C")


def train_content(
    state: ArrayRecord,
    task: Task,
    data_spec: ConfigRecord | None = None,
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
    if data_spec is not None:
        content[DATA_SPEC] = data_spec
    return content


def read_data_spec(message: Message) -> ConfigRecord | None:
    """Return the data spec that a train message carries, ``None`` where it has none."""
    record = message.content.get(DATA_SPEC)
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


def read_answer(message: Message) -> Answer:
    """Take a reply apart: the two records that it must hold, and no other.

    The update is not decoded here: :func:`read_arrays` or a channel does that.

    Raises
    ------
    MalformedError
        If a record is missing, of another kind or one too many, or the number of examples is
        missing or no integer; the other figures default to 0.
    """
    content = message.content
    arrays, metrics = content.get(ARRAYS), content.get(METRICS)
    if arrays is None:
        raise MalformedError("no-update", f"there is no record {ARRAYS!r}")
    for name in content:
        if name not in (ARRAYS, METRICS):
            raise MalformedError("extra-records", f"a record {name[:_MOST_NAME]!r}")
    if not isinstance(arrays, ArrayRecord):
        raise MalformedError("wrong-record", f"{ARRAYS!r} is a {type(arrays).__name__}")
    if metrics is not None and not isinstance(metrics, MetricRecord):
        raise MalformedError("wrong-record", f"{METRICS!r} is a {type(metrics).__name__}")
    return Answer(arrays, _read_report(metrics or MetricRecord()))


def _read_report(metrics: MetricRecord) -> Report:
    examples, steps = metrics.get(EXAMPLES), metrics.get(STEPS)
    if not isinstance(examples, int):
        raise MalformedError("sample-count", f"{EXAMPLES} is of type {type(examples).__name__}")
    return Report(
        examples=examples,
        loss=_figure(metrics.get(LOSS)),
        seconds=_figure(metrics.get(SECONDS)),
        steps=steps if isinstance(steps, int) else 0,
    )


def _figure(value: object) -> float:
    if isinstance(value, int | float) and abs(value) <= _MOST_FIGURE:
        return float(value)
    return 0.0


def digest(state: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of a global state: names, types, shapes and bytes, layer by layer."""
    sha = hashlib.sha256()
    for name, array in state.items():
        sha.update(f"{name}:{array.dtype.str}:{array.shape};".encode())
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()
