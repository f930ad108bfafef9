"""A reader of bytes that may be anything."""

from __future__ import annotations

import struct
from typing import Any

from frl.wire.errors import WireError


class Reader:
    """A cursor over a payload that refuses to run past its end; it copies nothing.

    Parameters
    ----------
    payload : bytes-like
    """

    def __init__(self, payload: bytes | memoryview) -> None:
        self._payload = memoryview(payload)
        self._position = 0

    def take(self, size: int) -> memoryview:
        """Return the next ``size`` bytes.

        Raises
        ------
        WireError
            ``"truncated"`` if there are fewer.
        """
        left = len(self._payload) - self._position
        if size > left:
            raise WireError("truncated", f"{size} more bytes expected, {left} left")
        start = self._position
        self._position += size
        return self._payload[start : self._position]

    def structure(self, layout: struct.Struct) -> tuple[Any, ...]:
        """Unpack the next fixed-size fields."""
        return layout.unpack(self.take(layout.size))

    def finish(self) -> None:
        """Refuse bytes after the end.

        Raises
        ------
        WireError
            ``"trailing-bytes"``.
        """
        left = len(self._payload) - self._position
        if left:
            raise WireError("trailing-bytes", f"{left} bytes after the end")
