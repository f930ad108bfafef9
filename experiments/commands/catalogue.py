"""The catalogue of names and keys that a configuration takes, generated from the registries."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt

from frl.errors import unknown
from frl.registry.ranges import interval

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from frl.registry import Registry

Entry = dict[str, str]

_SHORT = ("list", "entries", "name", "space", "knowledge", "formula", "default", "takes", "about")


_WIDEST = 14
"""Of the column that says what a key takes."""


def catalogue(kind: str = "") -> dict[str, Any] | list[Entry]:
    """Return the entries of a kind, or how many there are of each kind.

    Raises
    ------
    InputError
        If there is no such kind.
    """
    if not kind:
        return {name: len(make()) for name, make in _KINDS.items()}
    if kind not in _KINDS:
        raise unknown("list", kind, _KINDS)
    return _KINDS[kind]()


def print_catalogue(kind: str = "") -> None:
    """Print the entries of a kind as a table that fits the terminal: what it is, in short."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    entries = _entries(kind)
    shown = [column for column in entries[0] if column in _SHORT]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in shown:
        width = _WIDEST if column == "takes" else None
        table.add_column(column, overflow="fold", no_wrap=column == "name", max_width=width)
    for entry in entries:
        table.add_row(*(escape(entry[column]) for column in shown))
    console = Console()
    console.print(table)
    if len(shown) < len(entries[0]):
        rest = ", ".join(column for column in entries[0] if column not in shown)
        console.print(f"with --markdown or --json also: {rest}", style="dim")


def markdown(kind: str) -> str:
    """Render the entries of a kind as a Markdown table."""
    entries = _entries(kind)
    lines = [f"| {' | '.join(entries[0])} |", f"|{'---|' * len(entries[0])}"]
    lines += [
        f"| {' | '.join(value.replace('|', chr(92) + '|') for value in entry.values())} |"
        for entry in entries
    ]
    return "\n".join(lines)


def _entries(kind: str) -> list[Entry]:
    found = catalogue(kind)
    if isinstance(found, dict):
        return [{"list": name, "entries": str(count)} for name, count in found.items()]
    return found


def _registry(package: str) -> Registry[Any]:
    found: Registry[Any] = importlib.import_module(package).registry
    return found


def _registered(package: str) -> list[Entry]:
    registry = _registry(package)
    return [{"name": name, "about": registry.about(name)} for name in registry.list()]


def _attacks() -> list[Entry]:
    from attacks.adversary import table

    return table.rows()


def _rules(package: str) -> list[Entry]:
    """Rules, or steps in front of them, with the columns that they have."""
    from strategies.rules import table

    rows = [row._asdict() for row in table.rows(_registry(package))]
    columns = [column for column in rows[0] if any(row[column] for row in rows)]
    return [{column: row[column] for column in columns} for row in rows]


def _datasets() -> list[Entry]:
    from frl.data import sources

    return _described({name: source.about for name, source in sources().items()})


def _partitions() -> list[Entry]:
    from frl.data.partitions import KINDS

    return _described(KINDS)


def _engines() -> list[Entry]:
    from experiments.config import ENGINES

    return _described(ENGINES)


def _described(table: dict[str, str]) -> list[Entry]:
    return [{"name": name, "about": about} for name, about in table.items()]


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _configs() -> list[Entry]:
    from experiments.config.file import packaged

    return _described(packaged())


def _keys() -> list[Entry]:
    """Every key of a configuration, with its default and what it means."""
    from experiments.config.configuration import defaults, fields

    default = defaults()
    return [
        {
            "name": name,
            "default": _toml(default[name]),
            "takes": _takes(field),
            "about": field.description or "",
        }
        for name, field in fields().items()
    ]


def _takes(field: FieldInfo) -> str:
    """Say what a key takes: the choices, or the kind and range of a number."""
    if get_origin(field.annotation) is Literal:
        return " | ".join(map(str, get_args(field.annotation)))
    if field.annotation is bool:
        return "true | false"
    bounds = [bound for bound in field.metadata if isinstance(bound, Ge | Gt | Le | Lt)]
    return interval(Annotated[field.annotation, *bounds]) if bounds else ""


_KINDS: dict[str, Callable[[], list[Entry]]] = {
    "attacks": _attacks,
    "rules": partial(_rules, "strategies.rules"),
    "pre_aggregations": partial(_rules, "strategies.pre_aggregation"),
    "methods": partial(_registered, "frl.methods"),
    "models": partial(_registered, "frl.models"),
    "codings": partial(_registered, "frl.wire.codings"),
    "datasets": _datasets,
    "partitions": _partitions,
    "engines": _engines,
    "plots": partial(_registered, "experiments.report.plots"),
    "keys": _keys,
    "configs": _configs,
    "trackers": partial(_registered, "experiments.trackers"),
}
