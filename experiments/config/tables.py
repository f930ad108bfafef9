"""The tables of a configuration: every key, its default, what it takes and what it means."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from experiments.config.spelling import plain_attack, plain_strategy
from frl import methods
from frl.data.reading.options import STRIDE, Reading, joined
from frl.errors import InputError, unknown
from frl.methods import Draw, Method
from frl.training.settings import TrainSettings
from strategies.settings import RuleSettings, Weighting

_READING = (
    "label",
    "inputs",
    "test",
    "validation",
    "resize",
    "convert",
    "missing",
    "categories",
    "text",
    "length",
    "stride",
)
_TRAIN = TrainSettings()
_RULE = RuleSettings()
Positive = Annotated[int, Field(ge=1)]
_Share = Annotated[float, Field(ge=0, le=1)]


class Table(BaseModel):
    """A table of the configuration: frozen, and nothing in it goes unnoticed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


class _Open(BaseModel):
    """A table with keys of its own and the parameters of what it names."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False, defer_build=True)

    def parameters(self) -> dict[str, Any]:
        """Return the keys that are not the table's own."""
        return dict(self.model_extra or {})


class DataConfig(Table):
    """The data, and their partition among clients."""

    name: str = Field("digits", description="short name, hub id or folder (frl list datasets)")
    path: str = Field("", description="local folder that holds the data set")
    partition: str = Field("dirichlet", description="frl list partitions")
    alpha: float = Field(1.0, gt=0, description="concentration of dirichlet; smaller: more uneven")
    shards: Positive = Field(2, description="shards per client of the shard partition")
    samples: Positive = Field(50, description="examples per client of the virtual partition")
    column: str = Field("", description="column of the natural partition, e.g. writer_id")
    label: str = Field("", description="column of the label; empty: label, target, class, …")
    inputs: str = Field("", description="columns, with commas; empty: pictures, or all numbers")
    test: str = Field("", description="split, or share of train, to test on; empty: test")
    validation: str = Field("", description="split, or share of train, to evaluate on instead")
    resize: str = Field("", description="HEIGHTxWIDTH of all pictures; empty: as they are")
    convert: Literal["", "L", "RGB", "stretch"] = Field(
        "", description="of pictures: L, RGB; stretch: 16 bits by their own range"
    )
    missing: Literal["refuse", "mean", "drop"] = Field(
        "refuse", description="inputs without a value: an error, the mean, or no such rows"
    )
    categories: Literal["leave_out", "one_hot"] = Field(
        "leave_out", description="columns of text: no inputs, or one input for each value"
    )
    text: Literal["leave_out", "characters", "next_character", "hashed_words"] = Field(
        "leave_out", description="a column of text as the only input, a row of codes"
    )
    length: int = Field(
        0, ge=0, description="of such a row; 0: 256 characters, 80 and the next, 64 words"
    )
    stride: Positive = Field(STRIDE, description="characters from one next_character to the next")
    augment: bool = Field(True, description="change training images at random where it suits them")

    @field_validator("inputs", mode="before")
    @classmethod
    def _columns(cls, columns: Any) -> Any:
        """Write a list of columns as text, as Flower's run configuration has it."""
        return joined(columns) if isinstance(columns, list | tuple) else columns

    @field_validator("test", "validation", "resize", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int | float) and value is not True else value

    @model_validator(mode="after")
    def _readable(self) -> DataConfig:
        Reading(**{key: getattr(self, key) for key in _READING})
        return self


class ModelConfig(Table):
    """The network."""

    name: str = Field("conv2", description="frl list models, or a path package.module:Name")
    weights: str = Field("", description="safetensors file of weights to begin with; empty: none")


class TrainConfig(Table):
    """Local training; see :class:`frl.training.settings.TrainSettings`."""

    epochs: Positive = Field(_TRAIN.epochs, description="local epochs")
    steps: int = Field(_TRAIN.steps, ge=0, description="local steps in place of epochs; 0: epochs")
    batch_size: Positive = Field(_TRAIN.batch_size, description="examples a step")
    micro_batch: int = Field(
        _TRAIN.micro_batch, ge=0, description="examples of a step at once, for memory; 0: all"
    )
    lr: float = Field(0.0, ge=0, description="of round 1; 0: what suits the method")
    lr_decay: float = Field(_TRAIN.lr_decay, gt=0, le=1, description="factor a round")
    momentum: float = Field(
        _TRAIN.momentum, ge=0, lt=1, description="of SGD; starts anew every round"
    )
    weight_decay: float = Field(
        _TRAIN.weight_decay, ge=0, description="of SGD; the scores of fedpm have none"
    )
    clip: float = Field(_TRAIN.clip, ge=0, description="largest norm of a step's gradient; 0: none")


class StrategyConfig(_Open):
    """The method and the server's aggregation; further keys are parameters of the rule."""

    name: str = Field("frl", description="what clients send: frl list methods")
    keep: float = Field(_RULE.keep, gt=0, le=1, description="share of edges in the mask")
    mask_by: Literal["score", "abs"] = Field("score", description="highest scores, or highest |s|")
    coats: int = Field(
        1, ge=1, le=255, description="nested masks of one ranking; a weight counts once for each"
    )
    binarised: bool = Field(False, description="kept weights of a layer have one size, their mean")
    rule: str = Field("", description="frl list rules; empty: that of the method")
    f: int = Field(0, ge=0, description="malicious clients a round that rules assume")
    oracle_f: bool = Field(False, description="tell rules the true number each round instead of f")
    pre_aggregation: str = Field("", description="steps before the rule: nnm, clipping(norm=2)")
    server_lr: float = Field(_RULE.server_lr, gt=0, description="factor on the aggregate")
    server_momentum: float = Field(
        _RULE.server_momentum, ge=0, lt=1, description="of the server, by weights"
    )
    weighting: Weighting = Field(_RULE.weighting, description="of weight updates")
    most_weight: Positive = Field(_RULE.most_weight, description="cap on declared examples")
    most_norm: float = Field(_RULE.most_norm, gt=0, description="largest norm of a weight update")
    upload_top: float = Field(1.0, gt=0, le=1, description="share a client uploads, largest first")
    unsent: Literal["mean", "zero"] = Field("mean", description="ranks of edges not uploaded")
    ballot_bits: int = Field(0, ge=0, le=8, description="bits an edge sent up; 0: full rankings")
    ballot_focus: float = Field(1.0, ge=1, le=16, description="over 1: finer near the mask's edge")
    ballot_dither: float = Field(0.0, ge=0, le=64, description="noise on ranks, in bucket widths")
    down_bits: int = Field(0, ge=0, le=8, description="bits an edge sent down; 0: full rankings")
    down_slack: float = Field(
        -1.0, ge=-1, le=16, description="buckets an edge may be off before it is sent; -1: forget"
    )
    down_history: int = Field(
        -1, ge=-1, le=64, description="past rankings kept to send down changes; -1: 8 under Flower"
    )
    prior_rounds: int = Field(
        1, ge=1, le=64, description="rounds whose votes fedpm counts before it resets its prior"
    )
    shared_noise: bool = Field(
        False, description="code the bits of fedpm given the noise that both sides know"
    )
    sample_bits: int = Field(
        0, ge=0, le=10, description="of a sample's index in a block of fedpm's mask; 0: whole masks"
    )
    block_kl: float = Field(
        0.0, ge=0, le=64, description="bits by which a block may diverge; 0: strategy.sample_bits"
    )
    coding: str = Field(
        "auto", description="of messages: off, always, or frl list codings; auto: under Flower"
    )
    root_examples: Positive = Field(100, description="of the server's own shard (fltrust)")

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in methods.list():
            raise unknown("strategy.name", name, methods.list())
        return name

    @property
    def method(self) -> Method:
        """The method of that name."""
        return methods.make(self.name)

    @property
    def draw(self) -> Draw:
        """How masks are drawn."""
        return Draw(self.shared_noise, self.sample_bits, self.block_kl)

    @model_validator(mode="after")
    def _only_of_bits(self) -> StrategyConfig:
        """Refuse keys of drawn bits where none are sent."""
        if self.name != "fedpm":
            for key in ("prior_rounds", "shared_noise", "sample_bits", "block_kl"):
                if getattr(self, key) != (default := type(self).model_fields[key].default):
                    raise InputError(
                        f"strategy.{key}: got {getattr(self, key)!r}; takes {default!r}, or "
                        "strategy.name 'fedpm'"
                    )
        if self.sample_bits and self.shared_noise:
            raise InputError("strategy.shared_noise: takes false where strategy.sample_bits is set")
        if self.block_kl and not self.sample_bits:
            raise InputError("strategy.block_kl: takes 0 where strategy.sample_bits is 0")
        return self

    @model_validator(mode="after")
    def _one_scale(self) -> StrategyConfig:
        """Refuse masks that there are none of, and any on weights."""
        for key, asked in (("coats", self.coats > 1), ("binarised", self.binarised)):
            if asked and self.method.space != "ranks":
                raise InputError(
                    f"strategy.{key}: got {getattr(self, key)!r}; weights have no mask; takes "
                    f"{type(self).model_fields[key].default!r}, or strategy.name 'frl'"
                )
        if self.binarised and self.coats > 1:
            raise InputError(
                f"strategy.binarised: got true with strategy.coats = {self.coats}; takes false, "
                "or strategy.coats = 1"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, keys: Any) -> Any:
        return plain_strategy(keys, cls.model_fields) if isinstance(keys, dict) else keys


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
    start: Positive = Field(1, description="round of the first attack; before it they behave")
    every: Positive = Field(1, description="rounds from one attack to the next")
    redraw: bool = Field(False, description="draw rounds with a malicious majority again")

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, keys: Any) -> Any:
        return plain_attack(keys, cls.model_fields) if isinstance(keys, dict) else keys


class EngineConfig(Table):
    """The engine that runs clients."""

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
    portable: bool = Field(
        False, description="one digest on every x86-64 processor with AVX2; slower"
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
