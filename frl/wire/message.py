"""Updates to bytes and back: the only way in or out of the wire format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.errors import InputError
from frl.wire.base import Base
from frl.wire.coding import Coding
from frl.wire.errors import WireError
from frl.wire.header import Frame, header_size, read_frame, read_payloads, write


def encode(
    update: Arrays,
    coding: Coding,
    *,
    base: Base | None = None,
    rows: Mapping[str, int] | None = None,
) -> bytes:
    """Encode one array for each layer.

    Parameters
    ----------
    update : mapping of layer name to array of shape (n,)
        Of the type that ``coding.takes``.
    coding : Coding
        For example ``codings.make("ballot", bits=4)``.
    base : Base or None
        The ranking both sides hold, where ``coding.needs_base``.
    rows : mapping of layer name to int, or None
        Rows (output units) of each layer's weight matrix; with them entropy-coded messages get
        smaller.

    Raises
    ------
    InputError
        If a layer has the wrong type, or the base is missing or of another model.
    WireError
        If the update is nothing that a receiver would admit, for example not a permutation.
    """
    layers = {name: int(update[name].size) for name in sorted(update)}
    _require_same_model(coding, layers, base)
    payloads = [
        coding.encode_layer(
            _flat(coding, name, update[name]),
            _base_layer(coding, base, name),
            None if rows is None else rows.get(name),
        )
        for name in layers
    ]
    return write(_frame(coding, base), layers, payloads)


def decode(
    message: bytes | bytearray | memoryview,
    layers: Mapping[str, int],
    accept: Coding | Sequence[Coding],
    *,
    base: Base | None = None,
) -> dict[str, NDArray[Any]]:
    """Decode a message that may be anything.

    Time and memory are bounded by the receiver's own ``layers``, whatever the message says.

    Parameters
    ----------
    message : bytes-like
    layers : mapping of layer name to number of edges
        Of the receiver's model.
    accept : Coding or sequence of Coding
        What the receiver expects; the parameters are part of it.
    base : Base or None
        The ranking both sides hold, where a coding needs one.

    Returns
    -------
    dict of layer name to array of shape (n,), in the order of ``layers``
        Of the type that the coding ``gives``.

    Raises
    ------
    WireError
        If the message is not a valid update of this model in an accepted coding against this base.
    InputError
        If the receiver's own base is missing or of another model.
    """
    view = memoryview(message).cast("B")
    codings = [accept] if isinstance(accept, Coding) else list(accept)
    ordered = {name: layers[name] for name in sorted(layers)}
    largest = max(sum(map(coding.limit, ordered.values())) for coding in codings)
    if len(view) > header_size(len(ordered)) + largest:
        raise WireError("too-large", f"{len(view)} bytes for a model that takes at most {largest}")
    frame = read_frame(view)
    coding = _accepted(frame, codings)
    _require_same_model(coding, ordered, base)
    if frame != _frame(coding, base):
        raise WireError(
            "wrong-base",
            f"coded against round {frame.base_round}; this side holds "
            + (f"round {base.round}" if base and coding.needs_base else "none"),
        )
    decoded = {}
    payloads = read_payloads(view, ordered)
    for (name, n), payload in zip(ordered.items(), payloads, strict=True):
        if len(payload) > coding.limit(n):
            raise WireError("too-large", f"layer {name!r}: {len(payload)} bytes for {n} edges")
        try:
            decoded[name] = coding.decode_layer(payload, n, _base_layer(coding, base, name))
        except WireError as error:
            raise WireError(error.reason, f"layer {name!r}: {error.detail}") from None
    return {name: decoded[name] for name in layers}


def base_round(message: bytes | bytearray | memoryview) -> int:
    """Round of the ranking that a message is coded given; 0 where it needs none.

    Raises
    ------
    WireError
        If it is no message of this version, or was changed.
    """
    return read_frame(memoryview(message).cast("B")).base_round


def payload_sizes(
    message: bytes | bytearray | memoryview, layers: Mapping[str, int]
) -> dict[str, int]:
    """Bytes of each layer's payload; the rest of the message is its header.

    Raises
    ------
    WireError
        If the message is not one of this model.
    """
    view = memoryview(message).cast("B")
    read_frame(view)
    ordered = {name: layers[name] for name in sorted(layers)}
    sizes = dict(zip(ordered, map(len, read_payloads(view, ordered)), strict=True))
    return {name: sizes[name] for name in layers}


def _flat(coding: Coding, name: str, values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype != coding.takes:
        raise InputError(
            f"layer {name!r}: {type(coding).__name__} takes {coding.takes.__name__}, "
            f"got {values.dtype}"
        )
    return np.ascontiguousarray(values).reshape(-1)


def _frame(coding: Coding, base: Base | None) -> Frame:
    if not coding.needs_base or base is None:
        return Frame(coding.code, coding.parameter, 0, 0)
    return Frame(coding.code, coding.parameter, base.round, base.digest)


def _accepted(frame: Frame, codings: Sequence[Coding]) -> Coding:
    for coding in codings:
        if (coding.code, coding.parameter) == (frame.code, frame.parameter):
            return coding
    expected = ", ".join(map(repr, codings))
    raise WireError("wrong-coding", f"coding {frame.code}; this side takes {expected}")


def _base_layer(coding: Coding, base: Base | None, name: str) -> NDArray[np.int32] | None:
    return base.state[name] if base is not None and coding.needs_base else None


def _require_same_model(coding: Coding, layers: Mapping[str, int], base: Base | None) -> None:
    if not coding.needs_base:
        return
    if base is None:
        raise InputError(f"{coding!r} needs a base ranking that both sides hold")
    held = {name: int(positions.size) for name, positions in base.state.items()}
    if held != dict(layers):
        raise InputError(f"base ranking is of another model: {held} instead of {dict(layers)}")
