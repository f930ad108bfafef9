"""A batch that goes through the network in pieces, against the whole of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from frl import models
from frl.models import DataShape
from frl.task import Task
from frl.training.local_steps import micro_batches
from frl.training.masked_weight import Supermask
from frl.training.one_bit.noise_masks import NoiseMaskTrainer
from frl.training.one_bit.probabilities import ProbabilityTrainer
from frl.training.ranks import RankTrainer, Shard, Trainer
from frl.training.settings import TrainSettings
from frl.training.weights import WeightTrainer

SHAPE = DataShape((1, 8, 8), 10)
TASK = Task(2, 5, 7)
ONE_STEP: dict[str, Any] = {"steps": 1, "batch_size": 8, "momentum": 0.0, "weight_decay": 0.0}
TRAINERS: dict[str, Callable[..., Trainer]] = {
    "by score": lambda net, how: RankTrainer(net, how, seed=0, keep=0.5, mask_by="score"),
    "by abs": lambda net, how: RankTrainer(net, how, seed=0, keep=0.5, mask_by="abs"),
    "coats": lambda net, how: RankTrainer(net, how, seed=0, keep=0.5, mask_by="score", coats=3),
    "weights": lambda net, how: WeightTrainer(net, how, seed=0),
    "noise": lambda net, how: NoiseMaskTrainer(net, how, seed=0, width=0.5),
    "probabilities": lambda net, how: ProbabilityTrainer(net, how, seed=0),
}


def shard(count: int) -> Shard:
    drawn = torch.Generator().manual_seed(7)
    return Shard(
        torch.randn(count, *SHAPE.example, generator=drawn),
        torch.randint(0, 10, (count,), generator=drawn),
    )


def moved(kind: str, **settings: Any) -> tuple[dict[str, torch.Tensor], float]:
    """Return the scores or weights after training on twenty examples, and the loss."""
    trainer = TRAINERS[kind](models.make("conv2", SHAPE), TrainSettings(**settings))
    _, fit = trainer.train(trainer.initial, shard(20), TASK)
    return {name: tensor.detach().clone() for name, tensor in trainer.trained.items()}, fit.loss


@pytest.mark.parametrize("settings", [{}, {"clip": 0.05}], ids=["free", "clipped"])
@pytest.mark.parametrize("kind", TRAINERS)
def test_a_step_in_pieces_is_the_step_of_the_batch(kind: str, settings: dict[str, Any]) -> None:
    whole, loss = moved(kind, **ONE_STEP, **settings)
    pieces, its_loss = moved(kind, **ONE_STEP, **settings, micro_batch=3)

    assert its_loss == pytest.approx(loss, rel=1e-5)
    for name, values in whole.items():
        torch.testing.assert_close(pieces[name], values, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["noise", "probabilities", "weights"])
def test_so_are_all_steps_of_a_client(kind: str) -> None:
    """With masks of noise, each step has its place on the way, whatever its pieces."""
    whole, _ = moved(kind, epochs=2, batch_size=8, lr=0.01)
    pieces, _ = moved(kind, epochs=2, batch_size=8, lr=0.01, micro_batch=3)

    for name, values in whole.items():
        torch.testing.assert_close(pieces[name], values, rtol=1e-4, atol=1e-5)


def test_a_piece_that_holds_the_batch_changes_no_bit() -> None:
    whole, _ = moved("by score", epochs=1, batch_size=8)
    pieces, _ = moved("by score", epochs=1, batch_size=8, micro_batch=8)

    for name, values in whole.items():
        assert torch.equal(pieces[name], values)


def test_the_network_sees_a_piece_at_once_and_masks_once_a_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = models.make("conv2", SHAPE)
    trainer = TRAINERS["by score"](module, TrainSettings(**ONE_STEP, micro_batch=3))
    seen: list[int] = []
    masked: list[str] = []
    trainer.module.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    compute = Supermask._masked

    def counted(self: Supermask, scores: torch.Tensor) -> torch.Tensor:
        masked.append(self.layer)
        return compute(self, scores)

    monkeypatch.setattr(Supermask, "_masked", counted)

    trainer.train(trainer.initial, shard(20), TASK)

    assert seen == [3, 3, 2]
    assert len(masked) == len(set(masked)) == 4


def test_a_batch_norm_never_has_a_single_example() -> None:
    assert micro_batches(9, TrainSettings(micro_batch=4), least=2) == [(0, 4), (4, 9)]
    assert micro_batches(9, TrainSettings(micro_batch=1), least=2) == [
        (0, 2),
        (2, 4),
        (4, 6),
        (6, 9),
    ]
    assert micro_batches(9, TrainSettings()) == [(0, 9)]
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.Linear(16, 10))
    trainer = TRAINERS["by score"](net, TrainSettings(batch_size=5, epochs=1, micro_batch=1))

    update, fit = trainer.train(trainer.initial, shard(13), TASK)

    assert np.isfinite(fit.loss)
    assert any((update[name] != ranks).any() for name, ranks in trainer.initial.items())
