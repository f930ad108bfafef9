"""Masks of several coats, and binarised ones, against what their definitions say, written out."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from frl import models
from frl.cohort.stack import ScoreStack
from frl.errors import InputError
from frl.mask import coat_gain, coat_sizes, mask_steps
from frl.model_file import About, pack_model
from frl.models import DataShape
from frl.randomness import Purpose, generator
from frl.ranking import kept_edges, rank
from frl.task import Task
from frl.training.masked_weight import Supermask
from frl.training.ranks import RankTrainer, Shard, TrainSettings
from frl.training.selection import CoatSelector
from frl.training.supermask import detach, score_parameters, supermasks

SHAPE = DataShape((1, 8, 8), 10)
both_modes = pytest.mark.parametrize("mask_by", ["score", "abs"])


def counted(scores: np.ndarray, keep: float, coats: int, mask_by: str) -> np.ndarray:
    """Sets of a full sort that hold each edge: the i-th has ``ceil(k i / N)`` edges."""
    order = np.argsort(np.abs(scores) if mask_by == "abs" else scores, kind="stable")[::-1]
    kept = kept_edges(scores.size, keep)
    found = np.zeros(scores.size, int)
    for i in range(1, coats + 1):
        found[order[: int(np.ceil(kept * i / coats))]] += 1
    return found


def trainer(mask_by: str = "score", **options: Any) -> RankTrainer:
    module = models.make("conv2", SHAPE)
    return RankTrainer(module, TrainSettings(), seed=0, keep=0.4, mask_by=mask_by, **options)  # type: ignore[arg-type]


def shard(count: int = 20) -> Shard:
    drawn = torch.Generator().manual_seed(count)
    return Shard(
        torch.randn(count, *SHAPE.example, generator=drawn),
        torch.randint(0, 10, (count,), generator=drawn),
    )


@both_modes
@pytest.mark.parametrize("coats", [1, 2, 3, 7])
@pytest.mark.parametrize("keep", [0.02, 0.5, 1.0])
def test_weights_and_gradients_by_the_definition(mask_by: str, coats: int, keep: float) -> None:
    drawn = torch.Generator().manual_seed(coats)
    theta = torch.randn(9, 11, generator=drawn)
    scores = torch.randn(9, 11, generator=drawn).requires_grad_()
    upstream = torch.randn(9, 11, generator=drawn)
    mask = Supermask(theta, keep, mask_by, coats=coats)  # type: ignore[arg-type]

    weights = mask(scores)
    (weights * upstream).sum().backward()

    number = counted(scores.detach().numpy().reshape(-1), keep, coats, mask_by).reshape(9, 11)
    gain = np.sqrt(np.mean(number[number > 0] ** 2.0))
    expected = theta * torch.from_numpy(number / gain).float()
    torch.testing.assert_close(weights, expected)
    slope = upstream * theta * coats / gain
    torch.testing.assert_close(
        scores.grad, slope * (scores.detach().sign() if mask_by == "abs" else 1), check_dtype=False
    )


@both_modes
@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 60),
    keep=st.floats(0, 1),
    coats=st.integers(1, 9),
    shift=st.floats(-1.5, 1.5),
    seed=st.integers(0, 99),
)
def test_steps_say_the_coats_of_every_rank(
    mask_by: str, n: int, keep: float, coats: int, shift: float, seed: int
) -> None:
    scores = (np.random.default_rng(seed).uniform(-1, 1, n) + shift).astype(np.float32)

    steps = mask_steps(n, keep, mask_by, np.sort(scores), coats)

    np.testing.assert_array_equal(steps.of(rank(scores)), counted(scores, keep, coats, mask_by))
    assert list(steps.at) == sorted(set(steps.at))
    assert all(before != after for before, after in zip(steps.coats, steps.coats[1:], strict=False))


@settings(max_examples=15, deadline=None)
@given(
    n=st.sampled_from([5_000, 70_000]),
    keep=st.floats(0.05, 1.0),
    coats=st.integers(2, 7),
    step=st.sampled_from([0.0, 1e-4, 1e-2, 1.0]),
    ties=st.booleans(),
)
def test_a_warm_selector_counts_what_a_full_sort_counts(
    n: int, keep: float, coats: int, step: float, ties: bool
) -> None:
    rng = np.random.default_rng(coats)
    values = rng.standard_normal(n).astype(np.float32)
    selector = CoatSelector(coat_sizes(n, keep, coats))

    for _ in range(4):
        values = values + (step * rng.standard_normal(n)).astype(np.float32)
        seen = np.round(values, 1) + np.float32(0) if ties else values
        np.testing.assert_array_equal(selector.count(seen), counted(seen, keep, coats, "score"))


def test_bands_are_used_once_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal(100_000).astype(np.float32)
    selector = CoatSelector((50_000, 30_000, 10_000))
    selector.count(values)
    sizes = []
    partition = np.partition
    monkeypatch.setattr(np, "partition", lambda a, kth: sizes.append(a.size) or partition(a, kth))

    for _ in range(5):
        values = values + np.float32(1e-3) * rng.standard_normal(100_000).astype(np.float32)
        selector.count(values)

    assert len(sizes) == 15
    assert max(sizes) < 5_000


def test_one_coat_is_the_mask_and_the_layer_keeps_its_scale() -> None:
    assert coat_gain(coat_sizes(1000, 0.3, 1)) == 1.0
    one, four = trainer(), trainer(coats=4)
    for name, mask in supermasks(four.module).items():
        plain = supermasks(one.module)[name]
        scores = score_parameters(four.module)[name].detach()
        assert torch.equal(mask.mask(scores), mask.apply_to(scores) != 0)
        assert torch.equal(mask.mask(scores), plain.mask(scores))
        power = [m.apply_to(scores).square().mean() for m in (mask, plain)]
        torch.testing.assert_close(*power, rtol=1e-5, atol=0)


class SortedCoats(torch.autograd.Function):
    """The coats of a full sort; backward as published, the gradient once for each coat."""

    @staticmethod
    def forward(ctx: Any, scores: torch.Tensor, coats: int, mask_by: str) -> torch.Tensor:
        ctx.factor = coats * (scores.sign() if mask_by == "abs" else torch.ones_like(scores))
        number = counted(scores.numpy().reshape(-1), 0.4, coats, mask_by)
        return torch.from_numpy(number).float().view_as(scores)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        return gradients[0] * ctx.factor, None, None


@both_modes
def test_training_agrees_with_a_hand_written_network_of_coats(mask_by: str) -> None:
    """Of two steps: over more, one edge on a boundary that rounding moves sets the two apart."""
    ours, coats = trainer(mask_by, coats=3), 3
    plain = models.make("conv2", SHAPE)
    models.signed_constant(plain, 0)
    theta = {n.removesuffix(".weight"): p.detach() for n, p in plain.named_parameters()}
    gains = {n: coat_gain(coat_sizes(t.numel(), 0.4, coats)) for n, t in theta.items()}
    scores = {
        n: nn.Parameter(torch.from_numpy(ours.sorted_scores[n][ours.initial[n]]).view_as(t))
        for n, t in theta.items()
    }
    data, task = shard(8), Task(1, 9, 5)

    ours.train(ours.initial, data, task)

    optimiser = torch.optim.SGD(scores.values(), lr=1, momentum=0.9, weight_decay=1e-4)
    shuffle = generator(5, Purpose.SHUFFLE, round=1, client=9)
    for rate in (0.4, 0.2):
        optimiser.param_groups[0]["lr"] = rate
        for batch in torch.from_numpy(shuffle.permutation(8)).split(8):
            w = {
                n: theta[n] / gains[n] * SortedCoats.apply(s, coats, mask_by)
                for n, s in scores.items()
            }
            h = data.inputs[batch]
            for layer in ("conv1", "conv2"):
                h = functional.max_pool2d(functional.conv2d(h, w[layer], padding=1).relu(), 2)
            h = (h.flatten(1) @ w["fc1"].T).relu() @ w["fc2"].T
            optimiser.zero_grad()
            functional.cross_entropy(h, data.labels[batch]).backward()
            optimiser.step()
    for name, trained in score_parameters(ours.module).items():
        torch.testing.assert_close(trained, scores[name], rtol=1e-4, atol=1e-6)


@both_modes
@pytest.mark.parametrize("options", [{"coats": 3}, {"binarised": True}])
def test_a_cohort_has_the_weights_of_each_client(mask_by: str, options: dict[str, Any]) -> None:
    drawn = torch.Generator().manual_seed(3)
    module = nn.Sequential(nn.Linear(40, 30, bias=False))
    ours = RankTrainer(module, TrainSettings(), seed=0, keep=0.3, mask_by=mask_by, **options)  # type: ignore[arg-type]
    mask = supermasks(ours.module)["0"]
    mask.theta.copy_(torch.randn(30, 40, generator=drawn))
    mask = supermasks(ours.module)["0"]
    mask._binarised = "binarised" in options
    values = {"0": torch.randn(5, 30, 40, generator=drawn)}

    stacked = ScoreStack(ours).weights(values)["0"]

    for row, scores in zip(stacked, values["0"], strict=True):
        assert torch.equal(row, mask.apply_to(scores))


@both_modes
def test_binarised_weights_have_the_mean_size_of_the_kept_ones(mask_by: str) -> None:
    drawn = torch.Generator().manual_seed(1)
    theta = torch.randn(8, 9, generator=drawn)
    scores = torch.randn(8, 9, generator=drawn).requires_grad_()
    mask = Supermask(theta, 0.3, mask_by, binarised=True)  # type: ignore[arg-type]

    weights = mask(scores)
    weights.sum().backward()

    kept = mask.mask(scores.detach())
    torch.testing.assert_close(weights, theta.sign() * theta[kept].abs().mean() * kept)
    torch.testing.assert_close(
        scores.grad, theta * (scores.detach().sign() if mask_by == "abs" else 1), check_dtype=False
    )


def test_binarised_weights_of_a_seed_are_what_they_were() -> None:
    """They have one size already: the same ranking to the last bit."""
    plain, ours = trainer(), trainer(binarised=True)

    expected, _ = plain.train(plain.initial, shard(), Task(1, 1, 0))
    found, _ = ours.train(ours.initial, shard(), Task(1, 1, 0))

    for name, positions in expected.items():
        np.testing.assert_array_equal(found[name], positions)


def test_export_holds_the_weights_and_a_mask_of_coats_is_refused() -> None:
    ours, data = trainer(coats=3), shard()
    module = copy.deepcopy(ours.module).eval()
    before = module(data.inputs)
    about = About("mask", "conv2", [1, 8, 8], 10, 0, [0.0], [1.0], 1, None, "")

    detach(module)

    assert torch.equal(module(data.inputs), before)
    with pytest.raises(InputError, match=r"'conv1.weight' does not follow from the seed"):
        pack_model(module, about)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"coats": 0}, "coats: got 0; takes 1 to 255"),
        ({"coats": 256}, "coats: got 256; takes 1 to 255"),
        ({"coats": 2, "binarised": True}, "binarised: got true with coats = 2"),
    ],
)
def test_masks_that_there_are_none_of(options: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        trainer(**options)
