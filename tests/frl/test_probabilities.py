"""Training of probabilities, and what is drawn and sent of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from frl import models
from frl.exchange.channel import Channel
from frl.exchange.forms import Bits, Form, MaskedNoise, Signs
from frl.models import DataShape
from frl.task import Task
from frl.training.one_bit.bernoulli_mask import BernoulliMask
from frl.training.one_bit.probabilities import LEAST, ProbabilityTrainer
from frl.training.ranks import Shard
from frl.training.settings import TrainSettings
from frl.wire import Base

SHAPE = DataShape((6,), 3)
TASK = Task(2, 5, 7)


def trainer(**settings: float) -> ProbabilityTrainer:
    return ProbabilityTrainer(models.make("mlp", SHAPE), TrainSettings(**settings), seed=0)


def shard(count: int) -> Shard:
    drawn = torch.Generator().manual_seed(1)
    return Shard(
        torch.randn(count, 6, generator=drawn), torch.randint(0, 3, (count,), generator=drawn)
    )


def mask_of(theta: torch.Tensor) -> BernoulliMask:
    return BernoulliMask(theta, seed=0, index=0, layer="a", rows=1)


def test_the_gradient_is_that_of_the_expected_weight() -> None:
    """Of a loss linear in the weights, straight-through is exact: d E[theta m] / ds."""
    theta, slope = torch.randn(50, dtype=torch.float64), torch.randn(50, dtype=torch.float64)
    scores = torch.randn(50, dtype=torch.float64, requires_grad=True)
    mask = mask_of(theta)

    (mask(scores) * slope).sum().backward()

    expected = scores.detach().clone().requires_grad_()
    (theta * torch.sigmoid(expected) * slope).sum().backward()
    torch.testing.assert_close(scores.grad, expected.grad)


def test_an_edge_is_in_as_often_as_its_probability_says() -> None:
    p = torch.tensor([0.0, 0.1, 0.5, 0.97, 1.0])
    mask, scores = mask_of(torch.tensor([2.0, -1.0, 3.0, 1.0, -5.0])), torch.logit(p)
    torch.manual_seed(0)

    drawn = torch.stack([mask(scores) for _ in range(20_000)])

    assert {float(v) for v in drawn.unique()} == {2.0, -1.0, 3.0, 1.0, -5.0, 0.0} - {2.0}
    torch.testing.assert_close((drawn != 0).float().mean(0), p, atol=0.015, rtol=0)


def test_one_sample_stands_for_the_model() -> None:
    mask, scores = mask_of(torch.ones(40_000)).eval(), torch.linspace(-4, 4, 40_000)

    first, again = mask(scores), mask(scores)

    assert torch.equal(first, again)
    assert abs(float(first.mean() - torch.sigmoid(scores).mean())) < 0.01
    assert not torch.equal(
        first, BernoulliMask(mask.theta, seed=1, index=0, layer="a", rows=1).eval()(scores)
    )


def test_training_moves_probabilities_and_no_weight() -> None:
    ours = trainer(epochs=2, lr=50.0)
    fixed = {n: b.clone() for n, b in ours.module.named_buffers()}

    update, fit = ours.train(ours.initial, shard(12), TASK)
    again, _ = ours.train(ours.initial, shard(12), TASK)
    other, _ = ours.train(ours.initial, shard(12), TASK._replace(client=6))

    assert fit.steps == 4
    for name, begun in ours.initial.items():
        np.testing.assert_array_equal(update[name], again[name])
        assert ((begun + update[name] >= 0) & (begun + update[name] <= 1)).all()
    assert any((update[name] != 0).any() for name in update)
    assert any((update[name] != other[name]).any() for name in update)
    assert all(torch.equal(b, fixed[n]) for n, b in ours.module.named_buffers())


def test_no_examples_no_difference_and_no_edge_is_in_for_good() -> None:
    ours = trainer()
    certain = {name: np.ones_like(p) for name, p in ours.initial.items()}

    update, _ = ours.train(certain, shard(0), TASK)
    assert all((values == 0).all() for values in update.values())

    moved, _ = ours.train(certain, shard(8), TASK)
    assert all((values <= 1e-6 - LEAST * 0.5).any() for values in moved.values())


def test_a_diverged_training_sends_nothing() -> None:
    ours = trainer()
    data = Shard(shard(12).inputs * float("inf"), shard(12).labels)

    with pytest.raises(ValueError, match="not finite"):
        ours.train(ours.initial, data, TASK)


N = 60_000
STATE = {
    "a": np.linspace(0, 1, N, dtype=np.float32),
    "b": np.full(300, 0.25, np.float32),
}


@pytest.mark.parametrize("form", [Bits(), Bits(shared=True), Signs(), MaskedNoise(0.3)], ids=str)
def test_coded_or_not_the_same_is_read_and_what_was_read_is_drawn_as_it_is(form: Form) -> None:
    rng = np.random.default_rng(0)
    update = {n: rng.normal(0, 0.2, p.size).astype(np.float32) for n, p in STATE.items()}
    base, channel = Base(2, STATE), Channel(form=form)

    plain = channel.receive(
        channel.send_update(update, base, TASK, coded=False), base, TASK, coded=False
    )
    coded = channel.receive(
        channel.send_update(update, base, TASK, coded=True), base, TASK, coded=True
    )
    again = channel.sent(channel.undithered(plain.update, base, TASK), base, TASK)

    assert channel.measure(plain.update, base, TASK) == coded.coded
    for name, sent in plain.update.items():
        assert sent.dtype == form.dtype
        assert form.fault(sent) is None
        np.testing.assert_array_equal(coded.update[name], sent)
        np.testing.assert_array_equal(again[name], sent)


def test_bits_are_drawn_with_the_trained_probability() -> None:
    moved = {name: np.full(p.size, 0.1, np.float32) for name, p in STATE.items()}

    sent = Channel(form=Bits()).sent(moved, Base(2, STATE), TASK)
    other = Channel(form=Bits()).sent(moved, Base(2, STATE), TASK._replace(client=6))

    blocks = np.minimum(STATE["a"] + 0.1, 1).reshape(10, -1).mean(axis=1)
    np.testing.assert_allclose(sent["a"].reshape(10, -1).mean(axis=1), blocks, atol=0.02)
    assert abs(np.corrcoef(sent["a"] - STATE["a"], other["a"] - STATE["a"])[0, 1]) < 0.05


def test_a_rule_takes_the_difference_to_the_probabilities() -> None:
    sent = np.array([0, 1, 1], np.uint8)
    state = np.array([0.25, 0.25, 1.0], np.float32)

    np.testing.assert_array_equal(Bits().moved(sent, state), np.float32([-0.25, 0.75, 0.0]))


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        (Bits(), np.array([0, 2], np.uint8)),
        (Signs(), np.array([1, 0], np.float32)),
        (Signs(), np.array([1, np.nan], np.float32)),
        (MaskedNoise(0.3), np.array([0, -0.31], np.float32)),
        (MaskedNoise(0.3), np.array([0, np.nan], np.float32)),
    ],
)
def test_anything_else_is_a_fault(form: Form, wrong: np.ndarray) -> None:
    assert form.fault(wrong) == "out-of-range"


def test_where_nothing_moved_a_coin_says_which_sign() -> None:
    update = {"a": np.concatenate([np.zeros(4000), [3, -2, np.nan]]).astype(np.float32)}
    base = Base(2, {"a": np.zeros(4003, np.float32)})

    sent = Channel(form=Signs()).sent(update, base, TASK)["a"]

    assert set(sent.tolist()) == {1.0, -1.0}
    assert sent[4000:4002].tolist() == [1, -1]
    assert abs(sent[:4000].mean()) < 0.1
