"""The error of a coded message."""

from __future__ import annotations

from frl.errors import MessageError


class WireError(MessageError):
    """A coded message that is not valid for this receiver.

    The reason is ``"truncated"``, ``"too-large"``, ``"trailing-bytes"``, ``"magic"``,
    ``"version"``, ``"checksum"``, ``"wrong-coding"``, ``"wrong-model"``, ``"wrong-base"``,
    ``"corrupt"``, ``"out-of-range"``, ``"not-a-permutation"``, ``"wrong-counts"`` or ``"padding"``.
    """
