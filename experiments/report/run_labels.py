"""Labels of runs for tables and pictures: short names made of the settings in which they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from experiments.config.configuration import defaults
from frl import methods
from frl.methods import Method

CLEAN = "clean"

_DEFENCE, _ATTACK = ("strategy.", "train."), ("attack.",)
_LEFT_OUT = ("engine.", "eval_every", "checkpoint_every", "seed", "strategy.coding")
_COUNTS = ("engine.precision",)
"""Keys that do not change what a run learns, and the seed; and those among them that do."""


class Label(NamedTuple):
    """The label of a run: runs with equal labels differ in nothing but their seed.

    Attributes
    ----------
    setting : str
        What else differs between the runs: the data, the model, the clients.
    defence : str
        How the server aggregates, and how clients train.
    attack : str
        ``"clean"`` where there are no malicious clients.
    """

    setting: str
    defence: str
    attack: str

    def __str__(self) -> str:
        return ", ".join(part for part in (self.defence, self._attack, self.setting) if part)

    @property
    def _attack(self) -> str:
        return "" if self.attack == CLEAN else self.attack


def run_labels(runs: pd.DataFrame) -> list[Label]:
    """Name runs by what differs between them.

    Parameters
    ----------
    runs : DataFrame
        One row a run, with the keys of its configuration as columns.

    Returns
    -------
    list of Label
        One a row.
    """
    configs: list[dict[str, Any]] = [
        {str(key): value for key, value in row.items() if _is_key(str(key)) and value == value}
        for row in runs.to_dict("records")
    ]
    setting = _differing(configs, lambda key: not key.startswith(_DEFENCE + _ATTACK))
    attacked = [config for config in configs if not is_clean(config)]
    of_defence = _differing_keys(configs, _rule, _DEFENCE, ("name", "rule"))
    of_attack = _differing_keys(attacked, _attack_name, _ATTACK, ("name",))
    labels = []
    for config in configs:
        rule, attack = _rule(config), CLEAN
        defence = _described(config, rule, of_defence[rule])
        if not is_clean(config):
            name = _attack_name(config)
            attack = _described(config, name, of_attack[name])
        texts = [_text_of(key, config[key]) for key in setting if key in config]
        labels.append(Label(", ".join(texts), defence, attack))
    return labels


def is_clean(config: Mapping[str, Any]) -> bool:
    """Whether a flat configuration has no malicious clients."""
    return config.get("attack.name", "none") == "none" or not config.get("attack.fraction")


def _is_key(column: str) -> bool:
    if column in _COUNTS:
        return True
    return ("." in column or column in _DEFAULTS) and not column.startswith(_LEFT_OUT)


def _differing_keys(
    configs: Iterable[dict[str, Any]],
    name: Callable[[dict[str, Any]], str],
    table: tuple[str, ...],
    named: tuple[str, ...],
) -> dict[str, list[str]]:
    """List for each name the keys of a table in which its runs differ."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for config in configs:
        groups.setdefault(name(config), []).append(config)
    return {
        group: _differing(
            found, lambda key: key.startswith(table) and key.split(".", 1)[1] not in named
        )
        for group, found in groups.items()
    }


def _described(config: dict[str, Any], name: str, keys: Iterable[str]) -> str:
    """Add to a name what differs between the runs of that name, unless it is a default."""
    method = _method(config)
    defaults = {**_DEFAULTS, "train.lr": method.learning_rate if method else 0.0}
    texts = [
        _text_of(key, config[key])
        for key in keys
        if key in config and config[key] != defaults.get(key)
    ]
    return ", ".join([name, *texts])


def _differing(configs: list[dict[str, Any]], wanted: Callable[[str], bool]) -> list[str]:
    every = dict.fromkeys(key for config in configs for key in config)
    keys = [key for key in every if wanted(key)]
    return [key for key in keys if len({repr(config.get(key)) for config in configs}) > 1]


def _rule(config: Mapping[str, Any]) -> str:
    name, rule = str(config["strategy.name"]), str(config["strategy.rule"])
    method = _method(config)
    return method.label(rule) if method else f"{name} {rule}".strip()


def _method(config: Mapping[str, Any]) -> Method | None:
    """Return the method of a run on record; ``None`` for one that is not installed here."""
    name = str(config["strategy.name"])
    return methods.make(name) if name in methods.list() else None


def _attack_name(config: Mapping[str, Any]) -> str:
    return str(config["attack.name"])


def _text_of(key: str, value: Any) -> str:
    if key == "attack.fraction":
        return f"{value:.0%} malicious"
    if key in ("data.name", "model.name", "data.partition", "data.path"):
        return str(value)
    if key == "data.fingerprint":
        return f"data {value}"
    return f"{key.rsplit('.', 1)[-1]} {value}"


_DEFAULTS = defaults()
