"""What a configuration can name, generated from the registries."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from rich.console import Console
from rich.table import Table

import attacks
from experiments.config import ENGINES
from frl import models, wire
from frl.data import sources
from frl.data.partitions import KINDS
from frl.errors import unknown
from frl.registry import Registry
from strategies import pre_aggregation, rules

Entry = dict[str, str]


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
    entries: list[Entry] = _KINDS[kind]()
    return entries


def print_catalogue(kind: str = "") -> None:
    """Print the entries of a kind as a table that fits the terminal."""
    found = catalogue(kind)
    entries = (
        [{"list": k, "entries": str(v)} for k, v in found.items()]
        if isinstance(found, dict)
        else found
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in entries[0] if entries else ("nothing",):
        table.add_column(column, overflow="fold", no_wrap=column == "name")
    for entry in entries:
        table.add_row(*entry.values())
    Console().print(table)


def _registry_entries(registry: Registry[Any], *facts: str) -> list[Entry]:
    entries = []
    for name in registry.list():
        factory = registry.get(name)
        entry = {"name": name}
        entry.update({fact: _words(getattr(factory, fact)) for fact in facts})
        if not facts:
            entry["about"] = (inspect.getdoc(factory) or "").splitlines()[0]
        if dataclasses.is_dataclass(factory):
            entry["parameters"] = ", ".join(
                p.name if p.required else f"{p.name}={p.default}" for p in registry.parameters(name)
            )
        entries.append(entry)
    return entries


def _words(fact: Any) -> str:
    return str(getattr(fact, "name", fact)).lower() if hasattr(fact, "name") else str(fact)


def _described(table: dict[str, str]) -> list[Entry]:
    return [{"name": name, "about": about} for name, about in table.items()]


_KINDS: dict[str, Any] = {
    "attacks": lambda: _registry_entries(
        attacks.registry, "space", "knowledge", "formula", "paper"
    ),
    "rules": lambda: _registry_entries(
        rules.registry, "space", "formula", "breakdown", "cost", "paper"
    ),
    "pre_aggregations": lambda: _registry_entries(
        pre_aggregation.registry, "space", "formula", "cost", "paper"
    ),
    "codings": lambda: _registry_entries(wire.codings),
    "models": lambda: _registry_entries(models.registry),
    "datasets": lambda: _described({name: source.about for name, source in sources().items()}),
    "partitions": lambda: _described(KINDS),
    "engines": lambda: _described(ENGINES),
}
