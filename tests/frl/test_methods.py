"""The registry of methods: what an entry says, and that a new one is one file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from torch import nn

from experiments.config import flatten, read
from experiments.records import RunDirectory
from experiments.report.run_labels import run_labels
from experiments.rounds.loop import execute
from frl import methods
from frl.cohort import CohortTrainer
from frl.errors import InputError
from frl.methods import Method, Space, Training
from frl.task import Task
from frl.training.ranks import Fit, Shard
from frl.training.weights import WeightTrainer
from strategies import rules

SMALL = ["rounds=2", "clients=8", "clients_per_round=4", "train.epochs=1"]


class SignTrainer(WeightTrainer):
    """Sends the signs of what training changed."""

    def train(self, state: Any, shard: Shard, task: Task) -> tuple[Any, Fit]:
        update, fit = super().train(state, shard, task)
        return {n: np.sign(u).astype(np.float32) * np.float32(1e-3) for n, u in update.items()}, fit


@dataclass(frozen=True)
class Signs(Method):
    """Signs of weights, a median on the server."""

    title: ClassVar[str] = "Signs"
    space: ClassVar[Space] = "weights"
    learning_rate: ClassVar[float] = 0.07
    rule: ClassVar[str] = "median"

    def trainer(self, module: nn.Module, training: Training) -> SignTrainer:
        return SignTrainer(module, training.settings, seed=training.seed, device=training.device)


@pytest.fixture
def signs() -> Iterator[None]:
    methods.list()
    methods.register("signs")(Signs)
    yield
    del methods.registry._entries["signs"]


def test_a_new_method_is_one_file(tmp_path: Path, signs: None) -> None:
    config = read(None, [*SMALL, "strategy.name=signs"])
    directory = RunDirectory(tmp_path / "run")

    result = execute(config, directory)

    assert config.train.lr == 0.07
    assert result["admitted"] == 8
    assert directory.config() == config
    checkpoint = directory.checkpoint()
    assert checkpoint is not None
    first = WeightTrainer(
        _module(), config.train_settings("none"), seed=config.seed, device="cpu"
    ).initial
    steps = {
        float(step)
        for name, values in checkpoint.state.items()
        for step in np.unique(np.round((values - first[name]) * 2000))
    }
    assert steps <= {-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0}, "two medians of signs"
    assert len(steps) > 1


def _module() -> nn.Module:
    from frl import models

    return models.make("conv2", models.DataShape((1, 8, 8), 10))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("strategy.rule=sum", "'sum' is a rule on ranks; strategy.name 'signs' takes one on weig"),
        ("attack.name=reversal", "'reversal' is an attack on ranks; strategy.name 'signs' takes"),
        ("strategy.ballot_bits=2", "strategy.ballot_bits: takes 0 for weights"),
    ],
)
def test_its_space_says_what_fits(override: str, message: str, tmp_path: Path, signs: None) -> None:
    config = read(None, [*SMALL, "strategy.name=signs", "attack.fraction=0.2", override])

    with pytest.raises(InputError) as caught:
        execute(config, RunDirectory(tmp_path / "run"))

    assert message in str(caught.value)


def test_runs_of_it_have_its_name_in_tables(signs: None) -> None:
    import pandas as pd

    plain = flatten(read(None, ["strategy.name=signs"]))
    runs = [plain, {**plain, "strategy.rule": "krum"}, {**plain, "strategy.name": "not here"}]

    assert [label.defence for label in run_labels(pd.DataFrame(runs))] == [
        "Signs",
        "Signs krum",
        "not here median",
    ]


def test_a_cohort_trains_its_clients_singly(signs: None) -> None:
    """Stacked like its parent, it would send no signs."""
    trainer = methods.make("signs").trainer(
        _module(), Training(read(None).train_settings("none"), 0)
    )
    alone, together = CohortTrainer(trainer, stacked=False), CohortTrainer(trainer, stacked=True)

    assert together._stack is None
    assert alone._stack is None


def test_an_unknown_method_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown strategy\.name 'fedagv'; did you mean 'fedavg'"):
        read(None, ["strategy.name=fedagv"])


@pytest.mark.parametrize("name", methods.list())
def test_the_default_rule_of_a_method_takes_what_it_sends(name: str) -> None:
    method = methods.make(name)

    assert rules.get(method.rule).space == method.space


def test_methods_are_told_apart_by_what_they_send() -> None:
    assert methods.on("ranks") == ("frl",)
    assert methods.on("weights") == ("fedavg", "fedmrn", "fedpm", "sign_sgd")
