"""Model files of networks of every kind, written and read again."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from frl import models
from frl.errors import InputError
from frl.model_file import About, load_model, pack_model
from frl.task import Task
from frl.training.evaluation import evaluate
from frl.training.forward.randomness import seeded_forward
from frl.training.ranks import RankTrainer, Trainer
from frl.training.settings import TrainSettings
from frl.training.supermask import detach
from frl.training.weights import WeightTrainer
from tests.frl.zoo import CLASSES, EXAMPLES, ROWS, ZOO, shard_for

SETTINGS = TrainSettings(epochs=1, lr=0.2)


def about(form: str, example: tuple[int, ...]) -> About:
    return About(form, "made", list(example), CLASSES, 3, [0.0], [1.0], 1, None, "")


def trained(by: str, module: nn.Module, name: str) -> Trainer:
    if by == "weights":
        ours: Trainer = WeightTrainer(module, SETTINGS, seed=3)
    else:
        ours = RankTrainer(module, SETTINGS, seed=3, keep=0.4, mask_by="score")
    state, _ = ours.train(ours.initial, shard_for(name, 24), Task(1, 1, 3))
    if by == "weights":
        state = {layer: ours.initial[layer] + moved for layer, moved in state.items()}
    ours.load(state)
    return ours


def made_by(monkeypatch: pytest.MonkeyPatch, factory: Callable[[], nn.Module]) -> None:
    monkeypatch.setattr(models, "make", lambda name, shape: factory())


@pytest.mark.parametrize("name", list(ZOO))
@pytest.mark.parametrize(
    ("by", "form"), [("ranks", "mask"), ("ranks", "weights"), ("weights",) * 2]
)
def test_what_is_read_computes_what_was_written(
    name: str, by: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory, kind = ZOO[name]
    example = EXAMPLES[kind] if kind == ROWS else None
    made_by(monkeypatch, lambda: models.build(factory, 99, example))
    ours = trained(by, models.build(factory, 3, example), name)
    module, data = copy.deepcopy(ours.module).eval(), shard_for(name, 20, seed=4)
    detach(module)
    path = tmp_path / "model.safetensors"
    path.write_bytes(pack_model(module, about(form, EXAMPLES[kind])))

    def measured(network: nn.Module) -> Any:
        return evaluate(network, lambda a, b: (data.inputs[a:b], data.labels[a:b]), 20)

    torch.manual_seed(8)
    assert measured(load_model(path)) == measured(module) == measured(ours.module)


def test_a_mask_does_not_hold_what_the_seed_does_not_give() -> None:
    module = nn.Sequential(nn.Linear(32, 9), nn.Linear(9, CLASSES))
    module[0].requires_grad_(False)
    ours = trained("ranks", module, "bias")
    detach(ours.module)

    with pytest.raises(InputError, match=r"'0\.weight' does not follow from the seed"):
        pack_model(ours.module, about("mask", (32,)))

    assert pack_model(ours.module, about("weights", (32,)))


def test_the_numbers_of_the_moment_change_nothing() -> None:
    with seeded_forward(1):
        first = torch.rand(3)
    with seeded_forward(1):
        assert torch.equal(torch.rand(3), first)
