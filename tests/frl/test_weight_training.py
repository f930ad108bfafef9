from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from frl import models
from frl.models import DataShape
from frl.randomness import Purpose, generator
from frl.task import Task
from frl.training.ranks import Shard
from frl.training.settings import TrainSettings
from frl.training.weights import WeightTrainer, sparsify

SHAPE = DataShape((6,), 3)


def trainer(**settings: float) -> WeightTrainer:
    return WeightTrainer(models.make("mlp", SHAPE), TrainSettings(**settings), seed=0)


def shard(count: int) -> Shard:
    drawn = torch.Generator().manual_seed(1)
    return Shard(
        torch.randn(count, 6, generator=drawn), torch.randint(0, 3, (count,), generator=drawn)
    )


def test_an_update_is_the_difference_that_sgd_makes() -> None:
    ours = trainer(epochs=1, batch_size=4, lr=0.1, momentum=0.9, weight_decay=1e-3)
    data = shard(10)

    update, fit = ours.train(ours.initial, data, Task(1, 2, 3))

    plain = models.make("mlp", SHAPE)
    models.kaiming_uniform(plain, 0)
    optimiser = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)
    order = generator(3, Purpose.SHUFFLE, round=1, client=2).permutation(10)
    for batch in torch.from_numpy(order).split(4):
        optimiser.zero_grad()
        functional.cross_entropy(plain(data.inputs[batch]), data.labels[batch]).backward()
        optimiser.step()
    assert fit.steps == 3
    for name, layer in plain.named_children():
        if name in update:
            moved = layer.weight.detach().numpy().reshape(-1) - ours.initial[name]
            np.testing.assert_allclose(update[name], moved, rtol=1e-4, atol=1e-6)


def test_no_examples_no_difference() -> None:
    ours = trainer()

    update, _ = ours.train(ours.initial, shard(0), Task(1, 0, 0))

    assert all((values == 0).all() for values in update.values())


def test_the_initial_state_survives_training() -> None:
    ours = trainer()
    before = {name: values.copy() for name, values in ours.initial.items()}

    ours.train(ours.initial, shard(12), Task(1, 0, 0))

    for name, values in before.items():
        np.testing.assert_array_equal(ours.initial[name], values)


@given(st.integers(1, 60), st.floats(0.01, 1), st.integers(0, 100))
def test_what_is_sent_and_what_is_left_add_up(n: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    update = {name: rng.standard_normal(n).astype(np.float32) for name in "ab"}
    residual = {name: rng.standard_normal(n).astype(np.float32) for name in "ab"}

    sent, left = sparsify(update, residual, share)

    k = n - int((1 - share) * n)
    for name in "ab":
        whole, part = update[name] + residual[name], sent[name]
        assert np.count_nonzero(part) == k
        assert np.abs(part[part != 0]).min() >= np.sort(np.abs(whole))[-k]
        np.testing.assert_array_equal(sent[name] + left[name], update[name] + residual[name])
