"""Limits of what a client may send."""

from __future__ import annotations

from dataclasses import dataclass

from frl.errors import InputError


@dataclass(frozen=True)
class Limits:
    """Limits of what a reply may hold.

    Attributes
    ----------
    most_norm : float
        Of the Euclidean norm of a client's difference to the state.
    most_examples : float
        Of the number of examples that a client declares.
    """

    most_norm: float = 1e6
    most_examples: float = 10_000_000

    def __post_init__(self) -> None:
        """Refuse limits that nothing passes."""
        for name in ("most_norm", "most_examples"):
            if not getattr(self, name) > 0:
                raise InputError(f"gate: got {name}={getattr(self, name)!r}; takes more than 0")
