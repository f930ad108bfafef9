"""Names for pluggable parts: register with a decorator, list, and make by name.

A new entry is one new file in the registry's package and no edit anywhere else, or comes from
outside: see :mod:`frl.registry.plugins`. Only what is asked for is imported.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, get_type_hints

from frl.errors import InputError, unknown
from frl.registry import plugins
from frl.registry.call_syntax import parse_call
from frl.registry.ranges import ranged_fields, takes
from frl.registry.source_index import Declared, Parameter, read_package

__all__ = ["Parameter", "Registry"]

T = TypeVar("T")
Factory = TypeVar("Factory", bound=Callable[..., Any])


class Registry(Generic[T]):
    """A table of classes or functions that make a ``T``, by name.

    Parameters
    ----------
    kind : str
        What the entries are, as the user would say it: ``"rule"``, ``"attack"``. Entry points of
        the group ``frl.rules`` or ``frl.attacks`` are entries too.
    package : str
        The package whose modules hold the entries of this project.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.group = f"frl.{kind.replace('-', '_')}s"
        self._package = package
        self._entries: dict[str, Callable[..., T]] = {}
        self._cleared = False

    def register(self, name: str) -> Callable[[Factory], Factory]:
        """Add the decorated class or function under ``name``.

        Raises
        ------
        InputError
            If the name is taken.
        """

        def add(factory: Factory) -> Factory:
            ours, module = self.declared(name), str(getattr(factory, "__module__", "?"))
            if ours and ours.module != module:
                self._refuse(name, ours.module, module)
            taken = self._entries.setdefault(name, factory)
            if taken is not factory:
                self._refuse(name, str(getattr(taken, "__module__", "?")), module)
            return factory

        return add

    def list(self) -> tuple[str, ...]:
        """Names of all entries, sorted."""
        self._import_unclear()
        ours = read_package(self._package).declared
        return tuple(sorted({*ours, *self._entries, *plugins.offered(self.group)}))

    def get(self, name: str) -> Callable[..., T]:
        """Class or function behind a name, or behind a path ``package.module:Name``.

        Raises
        ------
        InputError
            If there is no such entry; the message names the nearest one.
        """
        if name not in self._entries:
            self._find(name)
        if name not in self._entries:
            raise unknown(self.kind, name, self.list())
        return self._entries[name]

    def name_of(self, factory: object) -> str | None:
        """Name under which a class or function was registered."""
        names = (name for name, entry in self._entries.items() if entry is factory)
        return next(names, None)

    def in_use(self, name: str) -> bool:
        """Whether a name was registered or looked up in this process."""
        return name in self._entries

    def declared(self, name: str) -> Declared | None:
        """Return what the source of this project says of an entry, without importing it."""
        return read_package(self._package).declared.get(name)

    def about(self, name: str) -> str:
        """First line of an entry's docstring."""
        ours = self.declared(name)
        return ours.about if ours else (inspect.getdoc(self.get(name)) or "").partition("\n")[0]

    def attribute(self, name: str, attribute: str, default: Any) -> Any:
        """Class attribute of an entry, from its source where that tells."""
        ours = self.declared(name)
        if ours is None or attribute in ours.computed:
            return getattr(self.get(name), attribute, default)
        return ours.attributes.get(attribute, default)

    def parameters(self, name: str) -> tuple[Parameter, ...]:
        """Parameters that ``make(name, ...)`` takes, in their order of declaration."""
        ours = self.declared(name)
        if ours is not None and ours.parameters is not None:
            return ours.parameters
        factory = self.get(name)
        declared = inspect.signature(factory).parameters.values()
        # Unlike inspect, this resolves an inherited field in the module that declares it.
        hints = get_type_hints(factory, include_extras=True)
        return tuple(
            Parameter(p.name, hints.get(p.name, p.annotation), p.default) for p in declared
        )

    def make(self, name: str, **params: Any) -> T:
        """Build an entry.

        Raises
        ------
        InputError
            If the name or a parameter is unknown, missing, of the wrong type or out of range.
        """
        checked = self.check(name, params)
        return self.get(name)(**checked)

    def from_text(self, text: str) -> T:
        """Build the entry that a text calls, such as ``"multi_krum(f=2)"``.

        Raises
        ------
        InputError
            If it calls none or several, and as :meth:`make`.
        """
        call = parse_call(self.kind, text, f"one {self.kind}")
        return self.make(call.name, **call.params)

    def check(self, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return parameters for an entry, of the types that it declares.

        Where its source tells them, the entry is not imported. What concerns several parameters is
        left to the entry.

        Raises
        ------
        InputError
            If the name or a parameter is unknown, missing, of the wrong type or out of range.
        """
        known = {p.name: p for p in self.parameters(name)}
        for given in params:
            if given not in known:
                raise unknown(f"parameter of {self.kind} {name!r}", given, known)
        for parameter in known.values():
            if parameter.required and parameter.name not in params:
                raise InputError(f"{self.kind} {name!r} needs the parameter {parameter.name!r}")
        if not params:
            return {}
        ours = self.declared(name)
        if not (ours and ours.parameters) and not dataclasses.is_dataclass(self.get(name)):
            return dict(params)
        return {
            key: self._checked(name, key, value, known[key].annotation)
            for key, value in params.items()
        }

    def check_made(self, part: object) -> None:
        """Refuse a part that was made directly with a parameter outside its declared range.

        Raises
        ------
        InputError
            Naming the parameter, what it got and what it takes.
        """
        made: Any = type(part)
        name = self.name_of(made) or made.__name__
        for key, annotation in ranged_fields(made).items():
            self._checked(name, key, getattr(part, key), annotation, strict=True)

    def _checked(
        self, name: str, key: str, value: Any, annotation: Any, *, strict: bool = False
    ) -> Any:
        from pydantic import TypeAdapter, ValidationError

        try:
            adapter = TypeAdapter(annotation)
            return adapter.validate_python(value, strict=strict or isinstance(value, bool))
        except ValidationError as error:
            message = error.errors()[0]["msg"].replace("Input should be ", "takes ")
            reason = f"takes {takes(annotation)}" if takes(annotation) else message
            raise InputError(
                f"parameter {key!r} of {self.kind} {name!r}: got {value!r}; {reason}"
            ) from None

    def _find(self, name: str) -> None:
        """Import what a name stands for: one of ours, an entry point or a path."""
        ours, others = self.declared(name), plugins.offered(self.group).get(name, [])
        if ours and others:
            self._refuse(name, ours.module, plugins.origin(others[0]))
        if len(others) > 1:
            self._refuse(name, *map(plugins.origin, others[:2]))
        if ours:
            importlib.import_module(ours.module)
        elif others:
            self.register(name)(plugins.load(self.kind, others[0]))
        elif ":" in name:
            self._entries[name] = plugins.resolve(self.kind, name)
        else:
            self._import_unclear()

    def _import_unclear(self) -> None:
        """Import the modules whose source does not tell the names that they register."""
        if not self._cleared:
            for module in read_package(self._package).unclear:
                importlib.import_module(module)
            self._cleared = True

    def _refuse(self, name: str, first: str, second: str) -> None:
        raise InputError(
            f"{self.kind} {name!r} is registered twice: by {first} and by {second}"
        ) from None
