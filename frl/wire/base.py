"""The global state that sender and receiver both hold."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from frl.arrays import Arrays


@dataclass(frozen=True)
class Base:
    """A global state that sender and receiver both hold.

    Make it once a round; its digest is computed once.

    Attributes
    ----------
    round : int
        Round that began with this state, 0 to 2**32 - 1.
    state : mapping of layer name to array
        int32 positions, or float32 values.
    """

    round: int
    state: Arrays

    @cached_property
    def digest(self) -> int:
        """CRC-32 over all layers, ascending by name."""
        crc = 0
        for name in sorted(self.state):
            crc = zlib.crc32(name.encode(), crc)
            values = self.state[name]
            kind = "<f4" if values.dtype.kind == "f" else "<i4"
            crc = zlib.crc32(np.ascontiguousarray(values, dtype=kind).data, crc)
        return crc
