"""The configuration of a run: TOML tables with every default, checked before anything starts."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from experiments.config_file import read_file
from frl.errors import InputError, unknown

if TYPE_CHECKING:
    from frl.training import TrainSettings

Scalar: TypeAlias = bool | int | float | str

_Positive = Annotated[int, Field(ge=1)]
_Share = Annotated[float, Field(ge=0, le=1)]


class _Table(BaseModel):
    """A table of the configuration: frozen, and nothing in it goes unnoticed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Open(BaseModel):
    """A table with keys of its own and the parameters of what it names."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    def parameters(self) -> dict[str, Any]:
        """Return the keys that are not the table's own."""
        return dict(self.model_extra or {})


class DataConfig(_Table):
    """Which data, and who holds what."""

    name: str = Field("digits", description="short name, hub id or folder (frl list datasets)")
    path: str = Field("", description="local folder that holds the data set")
    partition: str = Field("dirichlet", description="frl list partitions")
    alpha: float = Field(1.0, gt=0, description="concentration of dirichlet; smaller: more uneven")
    shards: _Positive = Field(2, description="shards per client of the shard partition")
    samples: _Positive = Field(50, description="examples per client of the virtual partition")
    column: str = Field("", description="column of the natural partition, e.g. writer_id")
    augment: bool = Field(True, description="change training images at random where it suits them")


class ModelConfig(_Table):
    """Which network."""

    name: str = Field("conv2", description="frl list models")


class TrainConfig(_Table):
    """Local training; see :class:`frl.training.TrainSettings`."""

    epochs: _Positive = Field(2, description="local epochs")
    batch_size: _Positive = Field(8, description="examples a step")
    lr: float = Field(0.4, gt=0, description="of round 1; 0: 0.4 by ranks, 0.01 by weights")
    lr_decay: float = Field(0.999, gt=0, le=1, description="factor a round")
    momentum: float = Field(0.9, ge=0, lt=1, description="of SGD; starts anew every round")
    weight_decay: float = Field(1e-4, ge=0, description="of SGD")


class StrategyConfig(_Open):
    """How the server aggregates; further keys are parameters of the rule."""

    name: Literal["frl", "fedavg"] = Field("frl", description="frl: rankings; fedavg: weights")
    keep: float = Field(0.5, gt=0, le=1, description="share of edges in the mask")
    mask_by: Literal["score", "abs"] = Field("score", description="highest scores, or highest |s|")
    rule: str = Field("", description="frl list rules; empty: sum of ranks, or mean of weights")
    f: int = Field(0, ge=0, description="malicious clients a round that rules assume")
    oracle_f: bool = Field(False, description="tell rules the true number each round instead of f")
    pre_aggregation: str = Field("", description="steps before the rule: nnm, clipping(norm=2)")
    server_lr: float = Field(1.0, gt=0, description="factor on the aggregate of weights")
    server_momentum: float = Field(0.0, ge=0, lt=1, description="of the server, by weights")
    weighting: Literal["uniform", "examples"] = Field("uniform", description="of weight updates")
    most_weight: _Positive = Field(1000, description="cap on a client's declared examples")
    most_norm: float = Field(1e6, gt=0, description="largest norm of a weight update")
    upload_top: float = Field(1.0, gt=0, le=1, description="share a client uploads, largest first")
    unsent: Literal["mean", "zero"] = Field("mean", description="ranks of edges not uploaded")
    ballot_bits: int = Field(0, ge=0, le=8, description="bits an edge sent up; 0: full rankings")
    ballot_focus: float = Field(1.0, ge=1, le=16, description="over 1: finer near the mask's edge")
    ballot_dither: float = Field(0.0, ge=0, le=64, description="noise on ranks, in bucket widths")
    down_bits: int = Field(0, ge=0, le=8, description="bits an edge sent down; 0: full rankings")
    down_history: int = Field(
        -1, ge=-1, le=64, description="past rankings kept to send down changes; -1: 8 under Flower"
    )
    coding: str = Field(
        "auto", description="of messages: off, always, or frl list codings; auto: under Flower"
    )
    root_examples: _Positive = Field(100, description="of the server's own shard (fltrust)")


class AttackConfig(_Open):
    """The adversary; further keys are parameters of the attack."""

    name: str = Field("none", description="frl list attacks")
    fraction: _Share = Field(0.0, description="share of clients that is malicious")
    sampling: Literal["uniform", "fixed_count"] = Field(
        "uniform", description="fixed malicious clients, or a fixed number in each round"
    )
    colluders: Literal["sampled", "all"] = Field(
        "sampled", description="whose honest updates the malicious clients of a round share"
    )
    redraw: bool = Field(False, description="draw rounds with a malicious majority again")


class EngineConfig(_Table):
    """Where clients run."""

    name: str = Field("inprocess", description="frl list engines")
    workers: int = Field(0, ge=0, description="Ray workers; 0: one a core")
    device: str = Field("cpu", description="cpu, cuda or cuda:N")
    num_gpus: float = Field(0.0, ge=0, description="share of a GPU for each Ray worker")
    address: str = Field("", description="of a Ray cluster; empty: start one here")
    cohort: int = Field(
        0, ge=0, le=1024, description="clients a worker trains at once; 0: 1, on CUDA what fits"
    )
    precision: Literal["float32", "tf32", "bfloat16"] = Field(
        "float32", description="of arithmetic; scores and momentum stay float32"
    )
    timeout: float = Field(
        3600.0, gt=0, description="seconds before a round goes on without a reply"
    )
    nodes: int = Field(
        0, ge=0, description="clients to wait for before round 1, under Flower; 0: all"
    )
    max_failures: int = Field(
        100, ge=0, description="failures without any good reply that stop a run; 0: no limit"
    )


class Config(_Table):
    """A complete run."""

    seed: int = Field(0, ge=0, le=2**32 - 1, description="fixes every random number of the run")
    rounds: _Positive = Field(30, description="rounds of training")
    clients: _Positive = Field(50, description="population")
    clients_per_round: _Positive = Field(10, description="clients sampled in a round")
    eval_every: _Positive = Field(1, description="rounds between evaluations; the last has one")
    checkpoint_every: _Positive = Field(1, description="rounds between checkpoints")
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    strategy: StrategyConfig = StrategyConfig()
    attack: AttackConfig = AttackConfig()
    engine: EngineConfig = EngineConfig()

    @model_validator(mode="before")
    @classmethod
    def _learning_rate(cls, tables: Any) -> Any:
        """Fill in the learning rate that suits the strategy where it is 0 or not given."""
        train, strategy = (tables.get(key, {}) for key in ("train", "strategy"))
        if isinstance(train, dict) and isinstance(strategy, dict) and train.get("lr", 0) == 0:
            name = str(strategy.get("name", "frl"))
            return {**tables, "train": {**train, "lr": LEARNING_RATES.get(name, 0.4)}}
        return tables

    @model_validator(mode="after")
    def _together(self) -> Config:
        # Here, so that pictures and reports of what is recorded need not wait for torch.
        from frl import models
        from frl.data.partitions import KINDS

        if self.clients_per_round > self.clients:
            raise InputError(
                f"clients_per_round: got {self.clients_per_round}; takes at most "
                f"clients = {self.clients}"
            )
        if self.engine.nodes > self.clients:
            raise InputError(
                f"engine.nodes: got {self.engine.nodes}; takes at most clients = {self.clients}"
            )
        if self.model.name not in models.list():
            raise unknown("model.name", self.model.name, models.list())
        if self.data.partition not in KINDS:
            raise unknown("data.partition", self.data.partition, KINDS)
        if self.engine.name not in ENGINES:
            raise unknown("engine.name", self.engine.name, ENGINES)
        if self.data.partition == "natural" and not self.data.column:
            raise InputError("data.column: a natural partition takes the name of a column")
        return self

    def train_settings(self, augmentation: str) -> TrainSettings:
        """Return the settings of local training for data that this augmentation suits."""
        from frl.training import TrainSettings

        return TrainSettings(
            **self.train.model_dump(),
            augmentation=augmentation if self.data.augment else "none",
            precision=self.engine.precision,
        )


FLOWER_KEYS = {"resume": ""}
"""Keys that only runs under Flower have: what to do, not what to run."""
LEARNING_RATES = {"frl": 0.4, "fedavg": 0.01}
ENGINES = {
    "inprocess": "one client after another in this process",
    "ray": "Ray actors on the cores or GPUs of this machine or of a cluster",
}


def flatten(config: Config) -> dict[str, Scalar]:
    """Return a configuration with dotted keys, as ``-o`` and Flower's run configuration have it."""
    flat: dict[str, Scalar] = {}
    for key, value in config.model_dump().items():
        if isinstance(value, dict):
            flat.update({f"{key}.{inner}": scalar for inner, scalar in value.items()})
        else:
            flat[key] = value
    return flat


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
        ``None`` for the defaults; see :mod:`experiments.config_file`.
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
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: {error}") from None
    return {**flatten(Config.model_construct()), **_flat(tables)}


def dump(config: Config) -> str:
    """Return a configuration as TOML, every default included."""
    return tomli_w.dumps(config.model_dump())


def _flat(tables: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tables.items():
        if isinstance(value, dict) and value:
            flat.update({f"{key}.{inner}": scalar for inner, scalar in value.items()})
        else:
            flat[key] = value
    return flat


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


def _one_line(error: ValidationError) -> InputError:
    """Turn the first complaint of pydantic into one line with key, value and what it takes."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return unknown("configuration key", key, flatten(Config()))
    if first["type"] == "value_error":
        return InputError(str(first["ctx"]["error"]))
    takes = first["msg"].removeprefix("Input should be ")
    return InputError(f"{key}: got {first['input']!r}; takes {takes}")
