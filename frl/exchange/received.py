"""What was read of a record that a client sent, and how many bytes it took."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray


class Sizes(NamedTuple):
    """Bytes of a coded message.

    Attributes
    ----------
    total : int
        Header and checksum included.
    layers : dict of layer name to int
        Of each layer's payload.
    """

    total: int
    layers: dict[str, int]


class Received(NamedTuple):
    """What was read of a client's record, and what it took.

    Attributes
    ----------
    update : dict of layer name to array
    bytes : int
        Of the record's arrays and their names.
    coded : Sizes or None
        Of the coded message, where it was one.
    """

    update: dict[str, NDArray[Any]]
    bytes: int
    coded: Sizes | None = None
