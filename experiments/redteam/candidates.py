"""Candidates of the search: every attack that fits, with the values of its parameters."""

from __future__ import annotations

import hashlib
import typing
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, cast

import attacks
from attacks.base import Attack
from experiments.config import Scalar
from frl.errors import InputError
from frl.registry import Parameter

_FACTORS = (0.1, 1 / 3, 1.0, 3.0, 10.0)
_LONGEST_NAME = 80
_AT_ONCE = {"start": 1, "every": 1}
"""Attackers that attack in every round."""
Values = tuple[Scalar | None, ...]


class Candidate(NamedTuple):
    """An attack with the parameters that differ from its defaults."""

    attack: str
    parameters: tuple[tuple[str, Scalar], ...] = ()

    def keys(self) -> dict[str, Scalar]:
        """Return the configuration keys that name it."""
        named = {f"attack.{name}": value for name, value in self.parameters}
        return {"attack.name": self.attack, **named}

    def folder(self) -> str:
        """Return a folder's name: what it is, and a hash that tells it from all others."""
        text = "-".join([self.attack, *(f"{name}={value}" for name, value in self.parameters)])
        return f"{text[:_LONGEST_NAME]}-{hashlib.sha256(repr(self).encode()).hexdigest()[:8]}"

    def __str__(self) -> str:
        """Write it as a call."""
        inner = ", ".join(f"{name}={value}" for name, value in self.parameters)
        return f"{self.attack}({inner})" if inner else self.attack


def fitting_attacks(space: str) -> list[str]:
    """Names of the attacks on updates of this space, and of those on data."""
    return [
        name
        for name in attacks.list()
        if cast("type[Attack]", attacks.get(name)).space in (space, "data")
    ]


def values_to_try(name: str, *, benign: bool = False) -> dict[str, Values]:
    """Values worth trying for each parameter of an attack; those without a choice are left out.

    An attack says which by its class attribute ``search``. Otherwise a choice is tried in full, and
    a positive number at a tenth, a third, three and ten times its default, as far as the attack
    takes it.

    Parameters
    ----------
    name : str
    benign : bool
        Also attacks that see the benign clients' updates of the round.
    """
    declared = cast("type[Attack]", attacks.get(name)).search
    found = {}
    for parameter in attacks.parameters(name):
        if parameter.required:
            continue
        values = [parameter.default, *declared.get(parameter.name, _values(parameter))]
        if parameter.name == "source" and not benign:
            values = [value for value in values if value != "benign"]
        taken = [v for v in dict.fromkeys(values) if v is None or _takes(name, {parameter.name: v})]
        if any(value != parameter.default for value in taken):
            found[parameter.name] = tuple(taken)
    return found


def schedules_to_try(rounds: int) -> dict[str, Values]:
    """Values of ``attack.start`` and ``attack.every``, for runs of so many rounds.

    Attackers that behave for half of a run, or in every round but one of two or four.
    """
    return {"start": (_AT_ONCE["start"], rounds // 2 + 1), "every": (_AT_ONCE["every"], 2, 4)}


def candidate(name: str, values: Mapping[str, Scalar | None]) -> Candidate:
    """Name an attack by what differs from its defaults."""
    own = {parameter.name: parameter.default for parameter in attacks.parameters(name)}
    defaults = {**_AT_ONCE, **own}
    given = tuple((k, v) for k, v in values.items() if v is not None and v != defaults[k])
    return Candidate(name, given)


def _values(parameter: Parameter) -> Values:
    default, annotation = parameter.default, parameter.annotation
    if typing.get_origin(annotation) is Literal:
        return typing.get_args(annotation)
    if isinstance(default, bool):
        return (False, True)
    if isinstance(default, float) and default > 0:
        return tuple(float(f"{factor * default:.3g}") for factor in _FACTORS)
    return ()


def _takes(name: str, parameters: Mapping[str, Any]) -> bool:
    try:
        attacks.make(name, **parameters)
    except InputError:
        return False
    return True
