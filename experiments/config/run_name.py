"""The name of a run: data, method, and the rule and attack where there are any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from experiments.config.configuration import Config
from experiments.config.parts import NO_ATTACK
from experiments.config.tables import DataConfig


def data_name(name: str, path: str) -> str:
    """Name data: after their folder where ``data.path`` is given alone."""
    alone = path and name == DataConfig.model_fields["name"].default
    return Path(path if alone else name).name


def folder_name(config: Config) -> str:
    """Return it as the name of a folder, e.g. ``digits-frl-krum_position-boundary-20``."""
    return "-".join([_data(config), *_method(config), *_attack(config)])


def title(config: Config) -> str:
    """Return it for people, e.g. ``digits · conv2 · frl krum_position · boundary 20 %``."""
    parts = [_data(config), config.model.name, " ".join(_method(config))]
    if attack := list(_attack(config)):
        parts.append(f"{' '.join(attack)} %")
    return " · ".join(parts)


def _data(config: Config) -> str:
    return data_name(config.data.name, config.data.path)


def _method(config: Config) -> Iterator[str]:
    yield config.strategy.name
    if config.strategy.rule != config.strategy.method.rule:
        yield config.strategy.rule


def _attack(config: Config) -> Iterator[str]:
    if config.attack.name != NO_ATTACK and config.attack.fraction:
        yield config.attack.name
        yield f"{100 * config.attack.fraction:g}"
