"""What to call runs beside each other: by what sets them apart, as short as it can be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from experiments.config import LEARNING_RATES, Config, flatten

CLEAN = "clean"

_DEFENCE, _ATTACK = ("strategy.", "train."), ("attack.",)
_NOT_TOLD = ("engine.", "eval_every", "checkpoint_every", "seed", "data.path", "strategy.coding")
"""Keys that do not change what a run learns, and the seed."""


class Label(NamedTuple):
    """What a run is: runs with equal labels differ in nothing but their seed.

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
    labels = []
    defences = _grouped(configs, _rule)
    attacks = _grouped([config for config in configs if not is_clean(config)], _attack_name)
    for config in configs:
        defence = _described(config, _rule(config), defences, _DEFENCE, ("name", "rule"))
        attack = CLEAN
        if not is_clean(config):
            attack = _described(config, _attack_name(config), attacks, _ATTACK, ("name",))
        told = [_told(key, config[key]) for key in setting if key in config]
        labels.append(Label(", ".join(told), defence, attack))
    return labels


def is_clean(config: Mapping[str, Any]) -> bool:
    """Whether a flat configuration has no malicious clients."""
    return config.get("attack.name", "none") == "none" or not config.get("attack.fraction")


def _is_key(column: str) -> bool:
    return ("." in column or column in Config.model_fields) and not column.startswith(_NOT_TOLD)


def _grouped(configs: Iterable[dict[str, Any]], name: Any) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for config in configs:
        groups.setdefault(name(config), []).append(config)
    return groups


def _described(
    config: dict[str, Any],
    name: str,
    groups: dict[str, list[dict[str, Any]]],
    table: tuple[str, ...],
    named: tuple[str, ...],
) -> str:
    """Add to a name what differs between the runs of that name, unless it is a default."""
    defaults = {**_DEFAULTS, "train.lr": LEARNING_RATES.get(config["strategy.name"], 0.0)}
    keys = _differing(
        groups[name],
        lambda key: key.startswith(table) and key.split(".", 1)[1] not in named,
    )
    told = [
        _told(key, config[key])
        for key in keys
        if key in config and config[key] != defaults.get(key)
    ]
    return ", ".join([name, *told])


def _differing(configs: list[dict[str, Any]], wanted: Any) -> list[str]:
    keys = dict.fromkeys(key for config in configs for key in config if wanted(key))
    return [key for key in keys if len({repr(config.get(key)) for config in configs}) > 1]


def _rule(config: Mapping[str, Any]) -> str:
    strategy, rule = str(config["strategy.name"]), str(config["strategy.rule"])
    name = _STRATEGIES.get(strategy, strategy)
    if rule in ("", "mean" if strategy == "fedavg" else "sum"):
        return name
    return rule if strategy == "fedavg" else f"{name} {rule}"


def _attack_name(config: Mapping[str, Any]) -> str:
    return str(config["attack.name"])


def _told(key: str, value: Any) -> str:
    if key == "attack.fraction":
        return f"{value:.0%} malicious"
    if key in ("data.name", "model.name", "data.partition"):
        return str(value)
    return f"{key.rsplit('.', 1)[-1]} {value}"


_STRATEGIES = {"frl": "FRL", "fedavg": "FedAvg"}
_DEFAULTS = flatten(Config.model_construct())
