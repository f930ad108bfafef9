"""The configuration of a run: TOML tables with every default, checked before anything starts."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import tomli_w
from pydantic import Field, ValidationError, field_serializer, model_validator
from pydantic.fields import FieldInfo

from experiments.config.file import dotted, read_file, read_tables
from experiments.config.parts import check_parts
from experiments.config.spelling import plain_attack, plain_strategy
from experiments.config.tables import (
    AttackConfig,
    DataConfig,
    EngineConfig,
    ModelConfig,
    Positive,
    StrategyConfig,
    Table,
    TrainConfig,
)
from frl import methods
from frl.errors import InputError, unknown
from frl.registry.plugins import import_plugins

if TYPE_CHECKING:
    from frl.training.settings import TrainSettings

Scalar: TypeAlias = bool | int | float | str


class Config(Table):
    """A complete run."""

    seed: int = Field(0, ge=0, le=2**32 - 1, description="fixes every random number of the run")
    rounds: Positive = Field(30, description="rounds of training")
    clients: Positive = Field(50, description="population")
    clients_per_round: Positive = Field(10, description="clients sampled in a round")
    groups: Positive = Field(1, description="disjoint groups of clients, each a federation")
    group: int = Field(0, ge=0, description="the group whose clients take part, from 0")
    eval_every: Positive = Field(1, description="rounds between evaluations; the last has one")
    checkpoint_every: Positive = Field(1, description="rounds between checkpoints")
    plugins: tuple[str, ...] = Field((), description="modules that register parts of your own")
    data: DataConfig = Field(default_factory=DataConfig)
    model: ModelConfig = Field(default_factory=ModelConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)
    strategy: StrategyConfig = Field(default_factory=StrategyConfig)
    attack: AttackConfig = Field(default_factory=AttackConfig)
    engine: EngineConfig = Field(default_factory=EngineConfig)

    @model_validator(mode="before")
    @classmethod
    def _read_plugins(cls, tables: Any) -> Any:
        """Import the plugins before any name is looked up; text has commas between them."""
        names = tables.get("plugins", ())
        if isinstance(names, str):
            names = [name.strip() for name in names.split(",") if name.strip()]
        if not isinstance(names, list | tuple) or not all(map(_is_module, names)):
            raise InputError(f"plugins: got {names!r}; takes a list of names of modules")
        import_plugins(names)
        return {**tables, "plugins": tuple(dict.fromkeys(names))}

    @model_validator(mode="before")
    @classmethod
    def _learning_rate(cls, tables: Any) -> Any:
        """Fill in the learning rate that suits the strategy where it is 0 or not given."""
        train, strategy = (tables.get(key, {}) for key in ("train", "strategy"))
        if isinstance(train, dict) and isinstance(strategy, dict) and train.get("lr", 0) == 0:
            name = str(strategy.get("name", "frl"))
            if name in methods.list():
                rate = methods.make(name).learning_rate
                return {**tables, "train": {**train, "lr": rate}}
        return tables

    @model_validator(mode="before")
    @classmethod
    def _mask_of_loaded(cls, tables: Any) -> Any:
        """Keep most edges of loaded weights, in several coats, where nothing else is said."""
        model, strategy = (tables.get(key, {}) for key in ("model", "strategy"))
        if isinstance(model, dict) and isinstance(strategy, dict) and model.get("weights"):
            given: dict[str, Any] = {"keep": KEEP_OF_LOADED}
            if strategy.get("name", "frl") == "frl" and not strategy.get("binarised"):
                given["coats"] = COATS_OF_LOADED
            return {**tables, "strategy": {**given, **strategy}}
        return tables

    @field_serializer("plugins")
    def _as_list(self, names: tuple[str, ...]) -> list[str]:
        return list(names)

    @model_validator(mode="after")
    def _together(self) -> Config:
        if self.group >= self.groups:
            raise InputError(
                f"group: got {self.group}; takes 0 to {self.groups - 1}, one of groups = "
                f"{self.groups}"
            )
        if self.clients_per_round > (smallest := self.clients // self.groups):
            each = "clients" if self.groups == 1 else "clients // groups"
            raise InputError(
                f"clients_per_round: got {self.clients_per_round}; takes at most {each} = "
                f"{smallest}"
            )
        if self.groups > 1 and self.attack.sampling != "uniform":
            raise InputError("attack.sampling: takes 'uniform' where groups is more than 1")
        if self.engine.nodes > self.clients:
            raise InputError(
                f"engine.nodes: got {self.engine.nodes}; takes at most clients = {self.clients}"
            )
        check_parts(self.data, self.model, self.strategy, self.attack)
        if self.engine.name not in ENGINES:
            raise unknown("engine.name", self.engine.name, ENGINES)
        if self.data.partition == "natural" and not self.data.column:
            raise InputError("data.column: a natural partition takes the name of a column")
        return self

    def train_settings(self, augmentation: str) -> TrainSettings:
        """Return the settings of local training for data that this augmentation suits."""
        from frl.training.settings import TrainSettings

        return TrainSettings(
            **self.train.model_dump(),
            augmentation=augmentation if self.data.augment else "none",
            precision=self.engine.precision,
        )


KEEP_OF_LOADED = 0.95
"""Default of ``strategy.keep`` where ``model.weights`` is given."""
COATS_OF_LOADED = 7
"""Default of ``strategy.coats`` there, by ``frl`` and not binarised."""
FLOWER_KEYS = {"resume": ""}
"""Keys that only runs under Flower have: what to do, not what to run."""
ENGINES = {
    "inprocess": "one client after another in this process",
    "ray": "Ray actors on the cores or GPUs of this machine or of a cluster",
}


def flatten(config: Config) -> dict[str, Scalar]:
    """Return a configuration with dotted keys, as ``-o`` and Flower's run configuration have it."""
    return _scalars(dotted(config.model_dump()))


def fields() -> dict[str, FieldInfo]:
    """Return every key with its dots, as it is declared."""
    found: dict[str, FieldInfo] = {}
    for key, field in Config.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        found |= {f"{key}.{name}": f for name, f in inner.items()} if inner else {key: field}
    return found


def defaults() -> dict[str, Scalar]:
    """Return every key with its dots and its default, as it is declared."""
    return _scalars({key: field.default for key, field in fields().items()})


def of_flower_run(run_config: Mapping[str, Any]) -> Config:
    """Build the configuration of a Flower run, from what its apps find in their context."""
    return from_flat({k: value for k, value in run_config.items() if k not in FLOWER_KEYS})


def from_flat(flat: Mapping[str, Any]) -> Config:
    """Build a configuration from dotted keys; what is not given has its default.

    Raises
    ------
    InputError
        With the key, what it got, and what it takes.
    """
    tables: dict[str, Any] = {}
    for key, value in flat.items():
        table, _, inner = key.partition(".")
        if not inner:
            tables[table] = value
            continue
        place = tables.setdefault(table, {})
        if not isinstance(place, dict):
            raise InputError(f"{key}: {table!r} is no table")
        place[inner] = value
    return _checked(tables)


def read(path: Path | None, overrides: Sequence[str] = (), profile: str = "") -> Config:
    """Read a TOML file and apply ``key=value`` overrides.

    Parameters
    ----------
    path : Path or None
        ``None`` for the defaults; see :mod:`experiments.config.file`.
    overrides : sequence of str
        Dotted keys; a value is read as TOML, and as a string where that fails.
    profile : str
        One of the file's own, applied before the overrides.
    """
    if path is None and profile:
        raise InputError(f"--profile {profile}: takes a configuration file that has it")
    flat = {} if path is None else read_file(path, profile)
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals:
            raise InputError(f"-o {override!r}: takes key=value")
        flat[key.strip()] = _value(text.strip())
    return from_flat(flat)


def recorded(path: Path) -> dict[str, Scalar]:
    """Read the configuration of a run with dotted keys, as it was recorded and so not checked.

    Keys that are newer than the run have their defaults.
    """
    return recorded_tables(read_tables(path))


def recorded_tables(tables: dict[str, Any]) -> dict[str, Scalar]:
    """Return the tables of a recorded configuration with dotted keys; see :func:`recorded`."""
    for name, table, plain in (
        ("attack", AttackConfig, plain_attack),
        ("strategy", StrategyConfig, plain_strategy),
    ):
        if isinstance(tables.get(name), dict):
            tables[name] = plain(tables[name], table.model_fields)
    return {**defaults(), **_scalars(dotted(tables))}


def dump(config: Config) -> str:
    """Return a configuration as TOML, every default included."""
    return tomli_w.dumps(config.model_dump())


def _scalars(flat: Mapping[str, Any]) -> dict[str, Scalar]:
    """Write lists as text, since a value under Flower is a scalar."""
    return {k: ",".join(v) if isinstance(v, list | tuple) else v for k, v in flat.items()}


def _is_module(name: object) -> bool:
    return isinstance(name, str) and all(part.isidentifier() for part in name.split("."))


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _checked(tables: Mapping[str, Any]) -> Config:
    try:
        return Config.model_validate(tables)
    except ValidationError as error:
        raise _one_line(error) from None


def _unknown_key(key: str) -> InputError:
    """Name the nearest key, or else those of the same table."""
    known = list(fields())
    near = get_close_matches(key, known, n=1, cutoff=0.75) or [
        name for name in known if name.rpartition(".")[2] == key
    ]
    if near:
        return InputError(f"unknown configuration key {key!r}; did you mean {near[0]!r}?")
    table = key.rpartition(".")[0]
    inside = [name for name in known if name.rpartition(".")[0] == table]
    takes = ", ".join(inside) if table and inside else "what frl list keys shows"
    return InputError(f"unknown configuration key {key!r}; takes {takes}")


def _one_line(error: ValidationError) -> InputError:
    """Turn the first complaint of pydantic into one line with key, value and what it takes."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return _unknown_key(key)
    if first["type"] == "value_error":
        return InputError(str(first["ctx"]["error"]))
    takes = first["msg"].removeprefix("Input should be ")
    return InputError(f"{key}: got {first['input']!r}; takes {takes}")
