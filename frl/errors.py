"""Errors that this project raises on purpose: bad input, bad messages, runs that cannot go on."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class FRLError(Exception):
    """Base of every error that this project raises on purpose."""


class InputError(FRLError, ValueError):
    """The user asked for something that cannot be done: one line that says what and where."""


class MessageError(FRLError, ValueError):
    """A message that must not be admitted.

    Parameters
    ----------
    reason : str
        One of a few fixed words, counted in the record of a round.
    detail : str
        One line for a person: what was found and what was expected.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[MessageError], tuple[str, str]]:
        return type(self), (self.reason, self.detail)


class RefusedError(FRLError):
    """A node refuses what its own configuration does not allow: fixed words, told to the server."""


class StoppedError(FRLError, RuntimeError):
    """A run cannot go on, for no fault of its input: one line that says why; it can be resumed."""


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """Build the error for a name that does not exist, with the nearest one that does.

    Parameters
    ----------
    kind : str
        What was named, e.g. ``"rule"``.
    name : str
        What was given.
    known : Iterable[str]
        What would have been accepted.
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return InputError(f"unknown {kind} {name!r}{hint} (takes: {', '.join(names) or 'nothing'})")
