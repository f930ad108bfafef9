"""What a configuration can name, generated from the registries."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from attacks.adversary import table as attack_table
from experiments.config import ENGINES, Config
from frl import methods, models, wire
from frl.data import sources
from frl.data.partitions import KINDS
from frl.errors import unknown
from frl.registry import Registry
from strategies import pre_aggregation, rules
from strategies.rules import table as rule_table

Entry = dict[str, str]

_SHORT = ("list", "entries", "name", "space", "knowledge", "formula", "default", "about")


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
    entries = _entries(kind)
    shown = [column for column in entries[0] if column in _SHORT]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in shown:
        table.add_column(column, overflow="fold", no_wrap=column == "name")
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


def _registered(registry: Registry[Any]) -> list[Entry]:
    return [
        {"name": name, "about": (inspect.getdoc(registry.get(name)) or "").splitlines()[0]}
        for name in registry.list()
    ]


def _plots() -> list[Entry]:
    from experiments.report.plots import registry

    return _registered(registry)


def _trackers() -> list[Entry]:
    from experiments.trackers import registry

    return _registered(registry)


def _described(table: dict[str, str]) -> list[Entry]:
    return [{"name": name, "about": about} for name, about in table.items()]


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _keys() -> list[Entry]:
    """Every key of a configuration, with its default and what it means."""
    rows = []
    for table, field in Config.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        named = {f"{table}.{key}": f for key, f in inner.items()} if inner else {table: field}
        rows += [
            {"name": name, "default": _toml(f.default), "about": f.description or ""}
            for name, f in named.items()
        ]
    return rows


_KINDS: dict[str, Callable[[], list[Entry]]] = {
    "attacks": attack_table.rows,
    "rules": lambda: [row._asdict() for row in rule_table.rows(rules.registry)],
    "pre_aggregations": lambda: [
        {column: text for column, text in row._asdict().items() if text}
        for row in rule_table.rows(pre_aggregation.registry)
    ],
    "methods": lambda: _registered(methods.registry),
    "models": lambda: _registered(models.registry),
    "codings": lambda: _registered(wire.codings.registry),
    "datasets": lambda: _described({name: source.about for name, source in sources().items()}),
    "partitions": lambda: _described(KINDS),
    "engines": lambda: _described(ENGINES),
    "plots": _plots,
    "keys": _keys,
    "trackers": _trackers,
}
