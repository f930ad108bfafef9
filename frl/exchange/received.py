"""The record that a client sent as the server read it, and its bytes."""

from __future__ import annotations

from typing import NamedTuple

from frl.arrays import Arrays


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

    update: Arrays
    bytes: int
    coded: Sizes | None = None
