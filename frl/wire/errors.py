"""What can be wrong with a message."""

from __future__ import annotations

from frl.errors import FRLError


class WireError(FRLError, ValueError):
    """A message that must not be admitted.

    Parameters
    ----------
    reason : str
        Machine-readable: ``"truncated"``, ``"too-large"``, ``"trailing-bytes"``, ``"magic"``,
        ``"version"``, ``"checksum"``, ``"wrong-coding"``, ``"wrong-model"``, ``"wrong-base"``,
        ``"corrupt"``, ``"out-of-range"``, ``"not-a-permutation"``, ``"wrong-counts"`` or
        ``"padding"``.
    text : str
        One line for a person: what was found and what was expected.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason
        self.text = text

    def __reduce__(self) -> tuple[type[WireError], tuple[str, str]]:
        return type(self), (self.reason, self.text)
