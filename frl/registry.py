"""Names for pluggable parts: register with a decorator, list, and make by name.

A registry imports every module of its package the first time it is asked, so a new entry is one
new file in that package and no edit anywhere else.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from frl.errors import InputError, unknown

T = TypeVar("T")
Factory = TypeVar("Factory", bound=Callable[..., Any])


class Parameter(NamedTuple):
    """One parameter of a registered entry."""

    name: str
    annotation: Any
    default: Any

    @property
    def required(self) -> bool:
        """Whether the entry cannot be made without it."""
        return self.default is inspect.Parameter.empty


class Registry(Generic[T]):
    """A table of classes or functions that make a ``T``, by name.

    Parameters
    ----------
    kind : str
        What the entries are, as the user would say it: ``"rule"``, ``"attack"``.
    package : str
        The package whose modules hold the entries; all are imported on first use.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._entries: dict[str, Callable[..., T]] = {}
        self._loaded = False

    def register(self, name: str) -> Callable[[Factory], Factory]:
        """Add the decorated class or function under ``name``."""

        def add(factory: Factory) -> Factory:
            if name in self._entries and self._entries[name] is not factory:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._entries[name] = factory
            return factory

        return add

    def list(self) -> tuple[str, ...]:
        """Names of all entries, sorted."""
        self._load()
        return tuple(sorted(self._entries))

    def get(self, name: str) -> Callable[..., T]:
        """Class or function behind a name.

        Raises
        ------
        InputError
            If there is no such entry; the message names the nearest one.
        """
        self._load()
        if name not in self._entries:
            raise unknown(self.kind, name, self._entries)
        return self._entries[name]

    def parameters(self, name: str) -> tuple[Parameter, ...]:
        """Parameters that ``make(name, ...)`` takes, in their order of declaration."""
        factory = self.get(name)
        takes = inspect.signature(factory).parameters.values()
        # Unlike inspect, this resolves an inherited field in the module that declares it.
        hints = get_type_hints(factory)
        return tuple(Parameter(p.name, hints.get(p.name, p.annotation), p.default) for p in takes)

    def make(self, name: str, **params: Any) -> T:
        """Build an entry.

        Raises
        ------
        InputError
            If the name or a parameter is unknown, missing, of the wrong type or out of range.
        """
        factory = self.get(name)
        takes = {p.name: p for p in self.parameters(name)}
        for given in params:
            if given not in takes:
                raise unknown(f"parameter of {self.kind} {name!r}", given, takes)
        for parameter in takes.values():
            if parameter.required and parameter.name not in params:
                raise InputError(f"{self.kind} {name!r} needs the parameter {parameter.name!r}")
        checked = {key: self._checked(name, takes[key], value) for key, value in params.items()}
        return factory(**checked)

    def _checked(self, name: str, parameter: Parameter, value: Any) -> Any:
        if not dataclasses.is_dataclass(self._entries[name]):
            return value
        try:
            return TypeAdapter(parameter.annotation).validate_python(value)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise InputError(
                f"parameter {parameter.name!r} of {self.kind} {name!r}: got {value!r}; {reason}"
            ) from None

    def _load(self) -> None:
        if self._loaded:
            return
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__, prefix=f"{self._package}."):
            importlib.import_module(module.name)
        self._loaded = True
