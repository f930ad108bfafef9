"""A configuration next to the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from experiments.config.configuration import Scalar, defaults, fields, recorded_tables
from experiments.report.view.shown import shown
from frl import methods


class Setting(NamedTuple):
    """A key, its value, what it would be if nothing was set, and what it means."""

    key: str
    value: str
    default: str
    differs: bool
    meaning: str


def config_table(config: Mapping[str, Scalar]) -> list[Setting]:
    """List the keys of a configuration, those that differ from the defaults first."""
    unset = _unset(config)
    about = {key: field.description or "" for key, field in fields().items()}
    found = [
        Setting(
            shown(key),
            _text(value),
            _text(unset[key]) if key in unset else "",
            key not in unset or unset[key] != value,
            about.get(key, "a parameter of the rule or the attack"),
        )
        for key, value in config.items()
    ]
    return sorted(found, key=lambda setting: not setting.differs)


def _unset(config: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Return the defaults of the method: its rule and its learning rate are no choice."""
    name = config.get("strategy.name")
    if name not in methods.list():
        return defaults()
    found = recorded_tables({"strategy": {"name": name}})
    return {**found, "train.lr": methods.make(str(name)).learning_rate, "strategy.name": "frl"}


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else shown(str(value)) or "(empty)"
