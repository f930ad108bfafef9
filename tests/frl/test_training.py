from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from frl import models
from frl.models import DataShape
from frl.randomness import Purpose, generator
from frl.task import Task
from frl.training.augmentation import augment
from frl.training.local_steps import last_pass, local_steps
from frl.training.ranks import RankTrainer, Shard
from frl.training.settings import TrainSettings
from frl.training.supermask import score_parameters
from frl.training.weights import WeightTrainer

SHAPE = DataShape((1, 8, 8), 10)


def trainer(mask_by: str = "score", **settings: float) -> RankTrainer:
    module = models.make("conv2", SHAPE)
    return RankTrainer(module, TrainSettings(**settings), seed=0, keep=0.5, mask_by=mask_by)


def shard(count: int) -> Shard:
    drawn = torch.Generator().manual_seed(7)
    return Shard(
        torch.randn(count, *SHAPE.example, generator=drawn),
        torch.randint(0, 10, (count,), generator=drawn),
    )


class SortedSubnet(torch.autograd.Function):
    """The mask by a full sort and the straight-through gradient, written out."""

    @staticmethod
    def forward(ctx: object, scores: torch.Tensor) -> torch.Tensor:
        mask = torch.ones(scores.numel())
        mask[scores.flatten().argsort(stable=True)[: int(0.5 * scores.numel())]] = 0
        return mask.view_as(scores)

    @staticmethod
    def backward(ctx: object, gradient: torch.Tensor) -> torch.Tensor:
        return gradient


@pytest.mark.parametrize("mask_by", ["score", "abs"])
def test_training_agrees_with_a_hand_written_masked_network(mask_by: str) -> None:
    ours = trainer(mask_by, epochs=2, weight_decay=1e-3, lr_decay=0.9)
    start = ours.initial
    theta = {
        name: layer.parametrizations.weight[0].theta.clone()
        for name, layer in ours.module.named_children()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    }
    scores = {
        name: nn.Parameter(
            torch.from_numpy(ours.sorted_scores[name][start[name]].copy()).view_as(t)
        )
        for name, t in theta.items()
    }
    data = shard(21)

    ours.train(start, data, Task(round=3, client=9, seed=5))

    optimiser = torch.optim.SGD(scores.values(), lr=1, momentum=0.9, weight_decay=1e-3)
    shuffle = generator(5, Purpose.SHUFFLE, round=3, client=9)
    for rate in (0.4 * 0.9**2, 0.5 * 0.4 * 0.9**2):
        optimiser.param_groups[0]["lr"] = rate
        for batch in torch.from_numpy(shuffle.permutation(21)).split(8):
            w = {
                n: theta[n] * SortedSubnet.apply(s.abs() if mask_by == "abs" else s)
                for n, s in scores.items()
            }
            h = data.inputs[batch]
            for layer in ("conv1", "conv2"):
                h = functional.relu(functional.conv2d(h, w[layer], padding=1))
                h = functional.max_pool2d(h, 2)
            h = functional.relu(h.flatten(1) @ w["fc1"].T) @ w["fc2"].T
            optimiser.zero_grad()
            functional.cross_entropy(h, data.labels[batch]).backward()
            optimiser.step()
    for name, trained in score_parameters(ours.module).items():
        torch.testing.assert_close(trained, scores[name], rtol=1e-5, atol=1e-7)


def test_the_first_ranking_is_random_in_the_edges() -> None:
    """A ranking that follows edge ids would keep whole neurons and drop others."""
    for positions in trainer().initial.values():
        correlation = np.corrcoef(positions, np.arange(positions.size))[0, 1]
        assert abs(correlation) < 5 / positions.size**0.5


def test_training_depends_on_place_alone() -> None:
    ours, other = trainer(), trainer()
    start, data = ours.initial, shard(20)

    first, _ = ours.train(start, data, Task(1, 2, 0))
    other.train(start, shard(5), Task(1, 3, 0))
    second, _ = other.train(start, data, Task(1, 2, 0))
    elsewhere, _ = other.train(start, data, Task(2, 2, 0))

    for name in start:
        np.testing.assert_array_equal(first[name], second[name])
    assert any(not np.array_equal(first[name], elsewhere[name]) for name in start)


def test_a_shard_without_examples_returns_the_global_ranking() -> None:
    ours = trainer()

    ranking, fit = ours.train(ours.initial, shard(0), Task(1, 0, 0))

    assert fit.steps == 0
    for name, positions in ours.initial.items():
        np.testing.assert_array_equal(ranking[name], positions)


def test_a_shard_of_one_example_trains() -> None:
    ours = trainer()

    ranking, fit = ours.train(ours.initial, shard(1), Task(1, 0, 0))

    assert fit.steps == 2
    assert any(not np.array_equal(ranking[n], p) for n, p in ours.initial.items())


def test_loading_a_ranking_and_ranking_again_is_the_identity() -> None:
    ours = trainer()
    rng = np.random.default_rng(0)
    ranking = {name: rng.permutation(p.size).astype(np.int32) for name, p in ours.initial.items()}

    ours.load(ranking)

    for name, positions in ours.ranking().items():
        np.testing.assert_array_equal(positions, ranking[name])


def test_rates_follow_a_cosine_over_epochs_and_decay_over_rounds() -> None:
    settings = TrainSettings(epochs=5, lr=0.4, lr_decay=0.999)

    rates = [settings.rate(11, epoch, 5) / (0.4 * 0.999**10) for epoch in range(5)]

    np.testing.assert_allclose(rates, [1, 0.905, 0.655, 0.345, 0.095], atol=5e-4)


def test_steps_go_over_the_shard_as_often_as_it_takes() -> None:
    settings = TrainSettings(batch_size=4, steps=7, lr=1.0, lr_decay=1.0)

    steps = local_steps(10, settings, Task(1, 0, 0))

    assert [len(step.rows) for step in steps] == [4, 4, 2, 4, 4, 2, 4]
    assert [step.first for step in steps] == [True, False, False, True, False, False, True]
    for start in (0, 3):
        drawn = np.concatenate([step.rows for step in steps[start : start + 3]])
        assert sorted(drawn.tolist()) == list(range(10))
    rates = [0.5 * (1 + np.cos(np.pi * number / 7)) for number in range(7)]
    np.testing.assert_allclose([step.rate for step in steps], rates)
    assert [last_pass(steps[:end]) for end in (0, 1, 3, 4, 7)] == [1, 4, 10, 4, 4]
    assert local_steps(0, settings, Task(1, 0, 0)) == []


def test_as_many_steps_as_two_epochs_see_the_same_batches() -> None:
    task = Task(4, 2, 1)
    by_epoch = local_steps(10, TrainSettings(batch_size=4, epochs=2), task)
    by_step = local_steps(10, TrainSettings(batch_size=4, steps=6), task)

    for one, other in zip(by_epoch, by_step, strict=True):
        np.testing.assert_array_equal(one.rows, other.rows)


def test_a_step_is_clipped_to_a_norm() -> None:
    """One step of plain SGD moves the weights by the rate times a gradient of that norm."""

    def moved(clip: float) -> float:
        settings = TrainSettings(
            steps=1, batch_size=8, lr=0.5, momentum=0.0, weight_decay=0.0, clip=clip
        )
        ours = WeightTrainer(models.make("conv2", SHAPE), settings, seed=0)
        update, _ = ours.train(ours.initial, shard(8), Task(1, 0, 0))
        return float(np.sqrt(sum(float(values @ values) for values in update.values())))

    assert moved(0.0) > 0.05
    assert moved(0.1) == pytest.approx(0.05, rel=1e-3)
    assert moved(1e6) == moved(0.0)


def test_crop_and_flip_agree_with_padding_by_hand() -> None:
    images = torch.arange(2 * 3 * 5 * 5, dtype=torch.float32).view(2, 3, 5, 5)

    changed = augment(images, "crop-flip", np.random.default_rng(0))

    draws = np.random.default_rng(0)
    tops, lefts = draws.integers(0, 9, (2, 1, 1)), draws.integers(0, 9, (2, 1, 1))
    flips = draws.integers(0, 2, (2, 1, 1), dtype=np.int64)
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (4, 4), (4, 4)))
    for i in range(2):
        top, left = tops[i, 0, 0], lefts[i, 0, 0]
        expected = padded[i, :, top : top + 5, left : left + 5]
        if flips[i, 0, 0]:
            expected = expected[:, :, ::-1]
        np.testing.assert_array_equal(changed[i].numpy(), expected)
