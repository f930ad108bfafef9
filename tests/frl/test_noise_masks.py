"""Masks of random noise against the formulas of FedMRN: noise, training, drawing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from frl import models
from frl.exchange.channel import Channel
from frl.exchange.forms import MaskedNoise
from frl.models import DataShape
from frl.random_noise import random_noise
from frl.task import Task
from frl.training.one_bit.noise_masks import NoiseMaskTrainer
from frl.training.one_bit.updated_weight import UpdatedWeight
from frl.training.ranks import Shard
from frl.training.settings import TrainSettings
from frl.wire import Base

TASK = Task(2, 5, 7)
WIDTH = 0.5


def trainer(**settings: float) -> NoiseMaskTrainer:
    module = models.make("mlp", DataShape((6,), 3))
    return NoiseMaskTrainer(module, TrainSettings(**settings), seed=0, width=WIDTH)


def shard(count: int) -> Shard:
    drawn = torch.Generator().manual_seed(1)
    return Shard(
        torch.randn(count, 6, generator=drawn), torch.randint(0, 3, (count,), generator=drawn)
    )


def test_noise_is_uniform_and_anybody_draws_it_again() -> None:
    noise, _ = random_noise(TASK, 0, 200_000, WIDTH)

    assert noise.dtype == np.float32
    assert (noise != 0).all()
    assert (np.abs(noise) < WIDTH).all()
    counts = np.histogram(noise, bins=10, range=(-WIDTH, WIDTH))[0]
    np.testing.assert_allclose(counts, 20_000, rtol=0.04)
    np.testing.assert_array_equal(random_noise(TASK, 0, 200_000, WIDTH)[0], noise)
    for other in (TASK._replace(client=6), TASK._replace(round=3), TASK._replace(seed=8)):
        assert abs(np.corrcoef(random_noise(other, 0, 200_000, WIDTH)[0], noise)[0, 1]) < 0.01


def test_no_number_that_draws_noise_makes_it_zero() -> None:
    """Every float32 that a generator gives is a multiple of 2**-24, below 1."""
    near = np.arange(2**23 - 2, 2**23 + 3).astype(np.float32) * np.float32(2.0**-24)
    ends = np.float32([0, 2.0**-24, 1 - 2.0**-24])

    class Fixed:
        def random(self, n: int, dtype: type) -> np.ndarray:
            return np.concatenate([near, ends])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("frl.random_noise.generator", lambda *_, **__: Fixed())
        noise, _ = random_noise(TASK, 0, 8, 1.0)

    np.testing.assert_array_equal(noise.astype(float) * 2**24 % 2, 1)
    assert (np.abs(noise) < 1).all()


NOISE = torch.tensor([0.5, 0.5, 0.5, 0.5, -0.25, -0.25, -0.25])
UPDATE = torch.tensor([-0.1, 0.0, 0.125, 0.9, -0.2, 0.1, -0.3])
SHARE = torch.tensor([0.0, 0.0, 0.25, 1.0, 0.8, 0.0, 1.0])
"""``clip(u / n, 0, 1)`` by hand."""


def weight_of(noise: torch.Tensor, progress: float) -> UpdatedWeight:
    made = UpdatedWeight(torch.full_like(noise, 3.0), layer="a", rows=1)
    made.noise.copy_(noise)
    made.progress = progress
    return made


@pytest.mark.parametrize("progress", [0.0, 0.4, 1.0])
def test_a_step_uses_noise_clipped_updates_or_either(progress: float) -> None:
    torch.manual_seed(0)
    weight = weight_of(NOISE.expand(20_000, 7), progress)

    drawn = weight(UPDATE.expand(20_000, 7)) - 3

    torch.testing.assert_close(drawn.mean(0), NOISE * SHARE, atol=0.006, rtol=0)
    inner = drawn[:, 2]
    clipped = (inner - 0.125).abs() < 1e-6
    assert float(clipped.float().mean()) == pytest.approx(1 - progress, abs=0.015)
    noise = inner[~clipped]
    assert len(noise) == 0 or {round(float(v), 4) for v in noise.unique()} == {0.0, 0.5}


def test_the_gradient_of_the_update_is_that_of_the_weight() -> None:
    update, slope = UPDATE.clone().requires_grad_(), torch.arange(7.0)

    (weight_of(NOISE, 0.5)(update) * slope).sum().backward()

    torch.testing.assert_close(update.grad, slope)


def test_in_evaluation_a_weight_is_the_global_one() -> None:
    weight = weight_of(NOISE, 0.5).eval()

    torch.testing.assert_close(weight(UPDATE), torch.full((7,), 3.0))


def test_an_update_lies_between_nothing_and_the_noise_and_moves_no_weight() -> None:
    ours = trainer(epochs=2, lr=0.3)

    update, result = ours.train(ours.initial, shard(12), TASK)
    again, _ = ours.train(ours.initial, shard(12), TASK)
    other, _ = ours.train(ours.initial, shard(12), TASK._replace(client=6))

    assert result.steps == 4
    assert any((update[name] != other[name]).any() for name in update)
    for number, (name, begun) in enumerate(ours.initial.items()):
        np.testing.assert_array_equal(update[name], again[name])
        share = update[name] / random_noise(TASK, number, begun.size, WIDTH)[0]
        assert share.min() >= 0
        assert 0 < share.max() <= 1
        held = ours._masks[name].weight.numpy().reshape(-1)
        np.testing.assert_array_equal(held, begun)


def test_the_share_of_masked_steps_grows_to_all() -> None:
    ours, seen = trainer(epochs=2), []
    (first, *_) = ours._masks.values()
    ours.module.register_forward_hook(lambda *_: seen.append(first.progress))

    ours.train(ours.initial, shard(12), TASK)

    assert seen == [0.25, 0.5, 0.75, 1.0]


def test_no_examples_no_difference_and_a_diverged_training_sends_nothing() -> None:
    ours = trainer()
    update, _ = ours.train(ours.initial, shard(0), TASK)
    assert all((values == 0).all() for values in update.values())

    data = Shard(shard(12).inputs * float("inf"), shard(12).labels)
    with pytest.raises(ValueError, match="not finite"):
        ours.train(ours.initial, data, TASK)


def test_the_mean_of_the_draws_is_the_update_as_far_as_the_noise_reaches() -> None:
    n, base = 400, Base(2, {"a": np.zeros(400, np.float32)})
    update = {"a": np.linspace(-0.3, 0.3, n, dtype=np.float32)}
    sent, expected = np.zeros(n), np.zeros(n)
    for client in range(3000):
        task = TASK._replace(client=client)
        noise = random_noise(task, 0, n, WIDTH)[0]
        sent += Channel(form=MaskedNoise(WIDTH)).sent(update, base, task)["a"]
        expected += noise * np.clip(update["a"] / noise, 0, 1)

    np.testing.assert_allclose(sent / 3000, expected / 3000, atol=0.02)
    assert np.abs(expected).max() / 3000 > 0.05


def test_a_mask_given_other_noise_is_refused() -> None:
    from frl.wire import WireError

    base, channel = Base(2, {"a": np.zeros(90, np.float32)}), Channel(form=MaskedNoise(WIDTH))
    record = channel.send_update({"a": np.full(90, 0.1, np.float32)}, base, TASK, coded=True)

    with pytest.raises(WireError, match="coded against round 2"):
        channel.receive(record, base, TASK._replace(client=6), coded=True)
