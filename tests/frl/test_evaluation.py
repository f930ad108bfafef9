"""Evaluation on several threads: bit for bit the figures of one, and of a plain loop in torch."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Barrier, Lock

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from frl import models
from frl.models import DataShape
from frl.training.evaluation import Evaluation, evaluate
from frl.training.forward.passes import in_order
from frl.training.forward.randomness import seeded_forward
from frl.training.ranks import RankTrainer
from frl.training.settings import TrainSettings
from frl.training.supermask import detach

SHAPE = DataShape((1, 8, 8), 10)
SIZE = 20


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    assert torch.get_num_threads() == request.param
    torch.set_num_threads(before)


def examples(count: int) -> tuple[Tensor, Tensor]:
    drawn = torch.Generator().manual_seed(3)
    inputs = torch.randn(count, *SHAPE.example, generator=drawn)
    return inputs, torch.randint(0, 10, (count,), generator=drawn)


def measure(module: nn.Module, count: int, size: int = SIZE) -> Evaluation:
    inputs, labels = examples(count)
    return evaluate(module, lambda a, b: (inputs[a:b], labels[a:b]), count, size)


def plainly(module: nn.Module, count: int, size: int = SIZE) -> Evaluation:
    """Measure in a loop over whole batches, on one thread."""
    inputs, labels = examples(count)
    right, loss = 0, 0.0
    module.eval()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.no_grad(), seeded_forward(0):
        for some, wanted in zip(inputs.split(size), labels.split(size), strict=True):
            if not count:
                break
            logits = module(some)
            right += int((logits.argmax(1) == wanted).sum())
            loss += float(nn.functional.cross_entropy(logits, wanted, reduction="sum"))
    torch.set_num_threads(threads)
    return Evaluation(right / max(1, count), loss / max(1, count), count)


def trained(name: str, coats: int = 1) -> RankTrainer:
    module = models.build(lambda: models.make(name, SHAPE), 0, SHAPE.example)
    return RankTrainer(module, TrainSettings(), seed=0, keep=0.5, mask_by="score", coats=coats)


@pytest.mark.parametrize("count", [0, 1, SIZE - 1, SIZE, SIZE + 1, 3 * SIZE, 147])
@pytest.mark.parametrize("coats", [1, 3])
def test_it_equals_a_plain_loop(count: int, coats: int, threads: int) -> None:
    ours, plain = trained("conv2", coats), trained("conv2", coats).module
    detach(plain)

    assert measure(ours.module, count) == plainly(plain, count)


@pytest.mark.parametrize("count", [130, 251])
def test_images_in_pieces_have_the_figures_of_whole_batches(count: int, threads: int) -> None:
    module = models.make("lenet", SHAPE)

    assert measure(module, count, 120) == plainly(module, count, 120)


def test_batches_of_batch_norm_stay_whole(threads: int) -> None:
    module = trained("resnet8").module
    plain = trained("resnet8").module
    detach(plain)

    assert measure(module, 240, 120) == plainly(plain, 240, 120)


class Noisy(nn.Module):
    """Drops out in evaluation too."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 10)

    def forward(self, inputs: Tensor) -> Tensor:
        return nn.functional.dropout(self.linear(inputs.flatten(1)), 0.5, training=True)


def test_random_numbers_are_drawn_in_the_order_of_the_batches(threads: int) -> None:
    module = Noisy()

    assert measure(module, 90) == plainly(module, 90)


meeting = Barrier(2)


class KeepsItsInputs(nn.Module):
    """Computes from what it wrote down, after another thread has written too."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 10)

    def forward(self, inputs: Tensor) -> Tensor:
        self.seen = inputs.flatten(1)
        meeting.wait(timeout=600)
        return self.linear(self.seen)


def test_threads_do_not_see_what_others_keep_in_the_module() -> None:
    before = torch.get_num_threads()
    module = KeepsItsInputs()
    plain = nn.Sequential(nn.Flatten(), module.linear)
    try:
        torch.set_num_threads(2)
        assert measure(module, 2 * SIZE) == plainly(plain, 2 * SIZE)
    finally:
        torch.set_num_threads(before)


class Counts(nn.Module):
    """Adds the number of passes to what it makes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 10)
        self.passes = 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.passes += 1
        return self.linear(inputs.flatten(1)) + self.passes


def test_each_batch_begins_with_the_module_as_it_was(threads: int) -> None:
    module = Counts()
    inputs, _ = examples(60)

    found = in_order(
        module, [(0, 20), (20, 40), (40, 60)], lambda copy, a, b: copy(inputs[a:b]).numpy()
    )

    with torch.no_grad():
        expected = module.linear(inputs.flatten(1)) + 1
    np.testing.assert_allclose(np.concatenate(found), expected, rtol=1e-6)


def test_a_module_that_cannot_be_copied_is_measured_all_the_same(threads: int) -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    module.lock = Lock()  # type: ignore[assignment]

    assert measure(module, 50) == plainly(module, 50)


def test_what_a_batch_raises_is_raised(threads: int) -> None:
    def fail(_: nn.Module, start: int, stop: int) -> None:
        raise ValueError(f"{start} to {stop}")

    with pytest.raises(ValueError, match="0 to 2"):
        in_order(nn.Linear(2, 2), [(0, 2), (2, 4)], fail)
