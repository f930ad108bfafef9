"""Clients trained as one batch, against the same clients trained alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

from frl import models
from frl.cohort import CohortTrainer
from frl.cohort import trainer as cohort_trainer
from frl.cohort.sizing import cohort_size
from frl.cohort.trainer import Job
from frl.models import DataShape
from frl.task import Task
from frl.training.ranks import RankTrainer, Shard, Trainer
from frl.training.settings import TrainSettings
from frl.training.weights import WeightTrainer
from tests.frl.zoo import EXAMPLES, ROWS, ZOO, shard_for

SHAPE = DataShape((1, 8, 8), 10)
SIZES = (13, 40, 8, 0, 25, 1)
EPSILON = float(np.finfo(np.float32).eps)


def rank_trainer(mask_by: str = "score", **settings: Any) -> RankTrainer:
    module = models.make("conv2", SHAPE)
    return RankTrainer(module, TrainSettings(**settings), seed=0, keep=0.5, mask_by=mask_by)


def weight_trainer(**settings: Any) -> WeightTrainer:
    return WeightTrainer(models.make("conv2", SHAPE), TrainSettings(**settings), seed=0)


def shard(count: int) -> Shard:
    drawn = torch.Generator().manual_seed(count)
    return Shard(
        torch.randn(count, *SHAPE.example, generator=drawn),
        torch.randint(0, 10, (count,), generator=drawn),
    )


def jobs(trainer: Trainer, sizes: Sequence[int] = SIZES) -> list[Job]:
    return [Job(trainer.initial, shard(n), Task(3, client, 0)) for client, n in enumerate(sizes)]


def stacked(make: Callable[[], Trainer], **options: Any) -> list[Any]:
    trainer = make()
    results = CohortTrainer(trainer, stacked=True, **options).train_all(jobs(trainer))
    assert not [result for result in results if isinstance(result, Exception)]
    return results


@pytest.mark.parametrize(
    ("mask_by", "settings"),
    [
        ("score", {"augmentation": "none"}),
        ("abs", {"augmentation": "crop-flip"}),
        ("score", {"steps": 4, "clip": 0.05}),
        ("abs", {"micro_batch": 3}),
    ],
)
def test_each_client_ranks_as_if_it_were_alone(
    mask_by: str, settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    def make() -> RankTrainer:
        return rank_trainer(mask_by, lr_decay=0.9, weight_decay=1e-3, **settings)

    single = make()
    alone = [single.train(*job) for job in jobs(single)]

    together = stacked(make)

    assert not caplog.records, "nothing fell back to one by one"
    for (expected, its_fit), (found, fit) in zip(alone, together, strict=True):
        assert fit.steps == its_fit.steps
        assert fit.loss == pytest.approx(its_fit.loss, rel=1e-4)
        for name, positions in expected.items():
            n = positions.size
            moved = np.count_nonzero((positions >= n // 2) != (found[name] >= n // 2))
            # Rounding may tip an edge at the boundary, which leaves the mask for one that enters.
            assert moved <= max(2, n // 1000)
            assert kendalltau(positions, found[name]).statistic >= 0.999


def test_each_client_moves_its_weights_as_if_it_were_alone() -> None:
    def make() -> WeightTrainer:
        return weight_trainer(lr=0.05, clip=0.5, micro_batch=5)

    single = make()
    alone = [single.train(*job) for job in jobs(single)]

    for (expected, fit), (found, _) in zip(alone, stacked(make), strict=True):
        for name, moved in expected.items():
            # Sums of up to n terms in another order differ by n epsilon of their size, each step.
            scale = np.abs(single.initial[name]).max() + np.abs(moved).max()
            bound = max(1, fit.steps) * 2048 * EPSILON * scale
            np.testing.assert_allclose(found[name], moved, rtol=0, atol=bound)


def test_what_another_client_does_changes_nothing() -> None:
    trainer = rank_trainer()
    cohort = CohortTrainer(trainer, stacked=True)
    plain = jobs(trainer, (13, 40, 25))
    poisoned = [
        plain[0],
        plain[1]._replace(shard=Shard(plain[1].shard.inputs, 9 - plain[1].shard.labels)),
        plain[2],
    ]

    with_honest, with_poisoned = cohort.train_all(plain), cohort.train_all(poisoned)

    for number in (0, 2):
        for name in trainer.initial:
            np.testing.assert_array_equal(
                with_honest[number][0][name], with_poisoned[number][0][name]
            )
    assert (with_honest[1][0]["fc1"] != with_poisoned[1][0]["fc1"]).any()


def test_the_same_cohort_gives_the_same_result_twice() -> None:
    first, second = stacked(rank_trainer), stacked(rank_trainer)

    for (one, _), (other, _) in zip(first, second, strict=True):
        for name, positions in one.items():
            np.testing.assert_array_equal(positions, other[name])


def test_one_that_cannot_be_trained_fails_alone() -> None:
    trainer = rank_trainer()
    asked = jobs(trainer, (13, 25))
    asked[0] = asked[0]._replace(shard=Shard(asked[0].shard.inputs, asked[0].shard.labels + 90))

    bad, good = CohortTrainer(trainer, stacked=True).train_all(asked)

    assert isinstance(bad, Exception)
    expected, _ = trainer.train(*asked[1])
    assert all((good[0][name] == expected[name]).all() for name in expected)


def test_one_that_diverges_fails_alone() -> None:
    trainer = rank_trainer()
    asked = jobs(trainer, (13, 25))
    asked[0].shard.inputs[0] = np.inf

    bad, good = CohortTrainer(trainer, stacked=True).train_all(asked)

    assert isinstance(bad, ValueError)
    assert "not finite" in str(bad)
    assert not isinstance(good, Exception)


class FakeMemory:
    """A device on which a step of n clients takes ``fixed + n * each`` bytes."""

    def __init__(self, free: int, fixed: int = 100, each: int = 10) -> None:
        self._free, self._fixed, self._each = free, fixed, each
        self.steps: list[int] = []

    def free(self) -> int:
        return self._free

    def peak(self, work: Callable[[], None]) -> int:
        work()
        return self._fixed + self._each * self.steps[-1]


@pytest.mark.parametrize(
    ("free", "most", "expected"),
    [(1000, 64, 64), (500, 64, 30), (100, 64, 1), (0, 64, 1), (500, 1, 1)],
)
def test_a_cohort_is_as_large_as_memory_allows(free: int, most: int, expected: int) -> None:
    memory = FakeMemory(free)

    assert cohort_size(memory, memory.steps.append, most) == expected
    assert memory.steps == [1, min(2, most)]


def test_the_measured_size_is_used(caplog: pytest.LogCaptureFixture, monkeypatch: Any) -> None:
    caplog.set_level(logging.INFO)
    sizes = watch(monkeypatch)

    class Small(FakeMemory):
        def peak(self, work: Callable[[], None]) -> int:
            work()
            return 100 * len(sizes)

    stacked(rank_trainer, memory=Small(free=400))

    assert sizes == [1, 2, 3, 3]
    assert "a cohort of 3 clients fits on the device" in caplog.text


def test_out_of_memory_halves_the_cohort_and_loses_nothing(monkeypatch: Any) -> None:
    sizes = watch(monkeypatch, most=2)
    trainer = rank_trainer()
    expected = [trainer.train(*job)[0] for job in jobs(trainer)]

    found = stacked(rank_trainer)

    assert sizes == [6, 3, 1, 1, 1, 1, 1, 1]
    for one, (other, _) in zip(expected, found, strict=True):
        assert all(np.mean(one[name] == other[name]) > 0.9 for name in one)


def watch(monkeypatch: Any, most: int = 99) -> list[int]:
    """Note the size of every cohort, and let larger ones run out of memory."""
    sizes: list[int] = []
    fit = cohort_trainer.fit_together

    def limited(plain: Any, stack: Any, values: Any, shards: Any, *rest: Any) -> Any:
        sizes.append(len(shards))
        if len(shards) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return fit(plain, stack, values, shards, *rest)

    monkeypatch.setattr(cohort_trainer, "fit_together", limited)
    return sizes


def test_bfloat16_is_coarser_but_near() -> None:
    exact, coarse = stacked(rank_trainer), stacked(lambda: rank_trainer(precision="bfloat16"))

    for (one, _), (other, fit) in zip(exact, coarse, strict=True):
        if fit.steps:
            assert any((one[name] != other[name]).any() for name in one)
        for name, positions in one.items():
            n = positions.size
            assert np.mean((positions >= n // 2) == (other[name] >= n // 2)) > 0.9


STACKABLE = {
    "bias",
    "instance_norm",
    "group_norm",
    "transposed",
    "tied",
    "keys",
    "cells",
    "attention",
    "counting",
    "vit",
    "mlp",
    "char_transformer",
}


@pytest.mark.parametrize("name", list(ZOO))
@pytest.mark.parametrize("by", ["ranks", "weights"])
def test_every_module_trains_as_if_it_were_alone(
    name: str, by: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Stacked where that is possible; one by one, and then to the bit the same, elsewhere."""
    factory, kind = ZOO[name]

    def make() -> Trainer:
        module = models.build(factory, 0, EXAMPLES[kind] if kind == ROWS else None)
        settings = TrainSettings(epochs=1, lr=0.1)
        if by == "weights":
            return WeightTrainer(module, settings, seed=0)
        return RankTrainer(module, settings, seed=0, keep=0.4, mask_by="score")

    def asked(trainer: Trainer) -> list[Job]:
        sizes = enumerate((13, 17, 8))
        return [Job(trainer.initial, shard_for(name, n, seed=c), Task(3, c, 0)) for c, n in sizes]

    single, cohort = make(), make()
    alone = [single.train(*job) for job in asked(single)]
    trains = CohortTrainer(cohort, stacked=True)
    trains.train_all(asked(cohort)[:2])
    together = trains.train_all(asked(cohort))

    one_by_one = cohort.stateless is None or "one by one" in caplog.text
    assert one_by_one == (name not in STACKABLE), caplog.text
    for (expected, fit), (found, its_fit) in zip(alone, together, strict=True):
        assert its_fit.steps == fit.steps
        assert its_fit.loss == pytest.approx(fit.loss, rel=1e-3)
        for layer, values in expected.items():
            if one_by_one:
                np.testing.assert_array_equal(found[layer], values)
            elif by == "weights":
                np.testing.assert_allclose(found[layer], values, rtol=1e-3, atol=1e-5)
            else:
                kept = int(0.6 * values.size)
                moved = np.count_nonzero((values >= kept) != (found[layer] >= kept))
                assert moved <= 2, layer
