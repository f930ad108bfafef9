"""Modules of every kind: what a client makes of them depends on its task alone."""

from __future__ import annotations

import copy
from collections import Counter
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from frl import models
from frl.ranking import kept_edges
from frl.task import Task
from frl.training.evaluation import Evaluation, evaluate
from frl.training.forward.randomness import seeded_forward
from frl.training.local_steps import local_steps
from frl.training.masked_weight import Supermask
from frl.training.parameters import Treatment, parameters_of, ranked
from frl.training.ranks import RankTrainer, Shard, Trainer
from frl.training.settings import TrainSettings
from frl.training.supermask import detach, score_parameters, supermasks
from frl.training.weights import WeightTrainer
from tests.frl.zoo import EXAMPLES, ROWS, ZOO, shard_for

SETTINGS = TrainSettings(epochs=1, lr=0.2)
RANDOM = {"dropout", "random", "gru", "attention_dropout"}
every_module = pytest.mark.parametrize("name", list(ZOO))
both_trainers = pytest.mark.parametrize("by", ["ranks", "weights"])


def plain(name: str, seed: int = 0) -> nn.Module:
    factory, kind = ZOO[name]
    return models.build(factory, seed, EXAMPLES[kind] if kind == ROWS else None)


def trainer(name: str, by: str = "ranks", mask_by: str = "score") -> Trainer:
    if by == "weights":
        return WeightTrainer(plain(name), SETTINGS, seed=0)
    return RankTrainer(plain(name), SETTINGS, seed=0, keep=0.4, mask_by=mask_by)


def assert_equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for layer in one:
        np.testing.assert_array_equal(one[layer], other[layer], err_msg=layer)


def measure(ours: Trainer, name: str) -> Evaluation:
    data = shard_for(name, 21, seed=5)
    ours.load(ours.initial)
    return evaluate(
        ours.module, lambda a, b: (data.inputs[a:b], data.labels[a:b]), 21, batch_size=10
    )


@every_module
@pytest.mark.parametrize("mask_by", ["score", "abs"])
def test_each_ranked_tensor_keeps_exactly_its_share(name: str, mask_by: str) -> None:
    ours = trainer(name, mask_by=mask_by)
    scores = score_parameters(ours.module)

    assert list(scores) == list(ours.initial) == list(supermasks(ours.module))
    for layer, mask in supermasks(ours.module).items():
        values = scores[layer].detach().flatten().numpy()
        order = np.argsort(np.abs(values) if mask_by == "abs" else values, kind="stable")
        expected = np.zeros(values.size, dtype=bool)
        expected[order[int(0.6 * values.size) :]] = True
        np.testing.assert_array_equal(mask.mask(scores[layer].detach()).flatten(), expected)
        assert mask.kept == kept_edges(values.size, 0.4) == expected.sum()


@every_module
@pytest.mark.parametrize("mask_by", ["score", "abs"])
def test_gradients_are_those_of_the_masked_weights_times_theta(name: str, mask_by: str) -> None:
    ours = trainer(name, mask_by=mask_by)
    scores, masks = score_parameters(ours.module), supermasks(ours.module)
    reference = plain(name)
    models.signed_constant(reference, 0)
    slots = {spec.layer: [slot.name for slot in spec.slots] for spec in ranked(reference)}
    weights = {
        layer: (mask.theta * mask.mask(scores[layer].detach())).requires_grad_()
        for layer, mask in masks.items()
    }
    named = {name: weights[layer] for layer, names in slots.items() for name in names}
    data = shard_for(name, 8)
    ours.module.train()

    with seeded_forward(3):
        found = ours.module(data.inputs)
    nn.functional.cross_entropy(found, data.labels).backward()
    with seeded_forward(3):
        expected = functional_call(reference, named, (data.inputs,), tie_weights=False)
    nn.functional.cross_entropy(expected, data.labels).backward()

    torch.testing.assert_close(found, expected)
    for layer, weight in weights.items():
        gradient = weight.grad * masks[layer].theta
        if mask_by == "abs":
            gradient = gradient * scores[layer].detach().sign()
        torch.testing.assert_close(scores[layer].grad, gradient, rtol=1e-4, atol=1e-6)


@every_module
@both_trainers
def test_an_update_depends_on_its_place_alone(name: str, by: str) -> None:
    data, task = shard_for(name, 17), Task(2, 4, 0)
    torch.manual_seed(1)
    alone, fit = trainer(name, by).train(trainer(name, by).initial, data, task)
    torch.manual_seed(2)
    busy = trainer(name, by)
    busy.train(busy.initial, shard_for(name, 30, seed=9), Task(2, 3, 0))
    measure(busy, name)
    after_others, _ = busy.train(busy.initial, data, task)
    again, _ = busy.train(busy.initial, data, task)

    assert fit.steps in (2, 3)
    assert np.isfinite(fit.loss)
    assert_equal(alone, after_others)
    assert_equal(alone, again)


@every_module
@both_trainers
def test_an_evaluation_does_not_see_who_trained_before(name: str, by: str) -> None:
    ours = trainer(name, by)
    before = measure(ours, name)

    ours.train(ours.initial, shard_for(name, 30, seed=9), Task(2, 3, 0))

    assert measure(ours, name) == before
    assert measure(trainer(name, by), name) == before


@pytest.mark.parametrize("name", sorted(RANDOM))
def test_random_numbers_differ_between_clients_and_rounds(name: str) -> None:
    ours, data = trainer(name), shard_for(name, 8)
    ours.module.train()

    def output(task: Task) -> torch.Tensor:
        ours.load(ours.initial)
        with seeded_forward(task.seed, round=task.round, client=task.client):
            return ours.module(data.inputs)

    first = output(Task(1, 1, 0))
    for other in (Task(1, 2, 0), Task(2, 1, 0), Task(1, 1, 1)):
        assert not torch.equal(first, output(other))
    assert torch.equal(first, output(Task(1, 1, 0)))


def test_training_leaves_the_generator_of_torch_alone() -> None:
    ours = trainer("dropout")
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)

    ours.train(ours.initial, shard_for("dropout", 9), Task(1, 1, 0))
    measure(ours, "dropout")

    assert torch.equal(torch.rand(4), expected)


@every_module
def test_by_ranks_nothing_but_scores_moves(name: str) -> None:
    ours = trainer(name)
    scores = {id(trained) for trained in score_parameters(ours.module).values()}
    frozen = {n: p.clone() for n, p in ours.module.named_parameters() if id(p) not in scores}
    theta = {layer: mask.theta.clone() for layer, mask in supermasks(ours.module).items()}

    ours.train(ours.initial, shard_for(name, 17), Task(1, 1, 0))

    held = dict(ours.module.named_parameters())
    assert all(torch.equal(held[n], values) for n, values in frozen.items())
    for layer, mask in supermasks(ours.module).items():
        assert torch.equal(mask.theta, theta[layer])


@every_module
def test_by_weights_every_parameter_is_in_the_state_once(name: str) -> None:
    ours = trainer(name, "weights")

    update, _ = ours.train(ours.initial, shard_for(name, 17), Task(1, 1, 0))

    expected = sum(parameter.numel() for parameter in plain(name).parameters())
    assert sum(values.size for values in ours.initial.values()) == expected
    moved = [layer for layer, values in update.items() if (values != 0).any()]
    assert {spec.layer for spec in ranked(plain(name))} <= set(moved)


@every_module
def test_taken_off_the_masks_leave_the_plain_module(name: str) -> None:
    ours, data = trainer(name), shard_for(name, 8)
    module = copy.deepcopy(ours.module).eval()
    with seeded_forward(0):
        masked = copy.deepcopy(module)(data.inputs)

    detach(module)

    assert [type(layer) for layer in module.modules()] == [
        type(layer) for layer in plain(name).modules()
    ]
    assert {n: p.shape for n, p in module.named_parameters()} == {
        n: p.shape for n, p in plain(name).named_parameters()
    }
    with seeded_forward(0):
        torch.testing.assert_close(module(data.inputs), masked)


def test_weights_are_trained_as_by_plain_sgd() -> None:
    """Biases, factors of norms and all: an optimiser of torch's over the parameters of a module."""
    for name in ("batch_norm", "lstm", "attention"):
        ours, data, task = trainer(name, "weights"), shard_for(name, 17), Task(1, 1, 0)

        update, _ = ours.train(ours.initial, data, task)

        module = plain(name)
        models.kaiming_uniform(module, 0)
        optimiser = torch.optim.SGD(module.parameters(), lr=0.2, momentum=0.9, weight_decay=1e-4)
        for step in local_steps(17, SETTINGS, task, 2 if name == "batch_norm" else 1):
            rows = torch.from_numpy(step.rows)
            optimiser.zero_grad()
            nn.functional.cross_entropy(module(data.inputs[rows]), data.labels[rows]).backward()
            optimiser.step()
        for spec in parameters_of(module):
            after = ours.initial[spec.layer] + update[spec.layer]
            expected = spec.tensor.detach().numpy().reshape(-1)
            np.testing.assert_allclose(after, expected, rtol=1e-4, atol=1e-6)


def test_batch_statistics_are_those_of_the_batch_in_evaluation_too() -> None:
    ours, data = trainer("batch_norm"), shard_for("batch_norm", 10)
    ours.module.eval()

    convolved = ours.module[1](ours.module[0](data.inputs))
    found = ours.module[2](convolved)

    mean = convolved.mean((0, 2, 3), keepdim=True)
    spread = (convolved.var((0, 2, 3), keepdim=True, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(found, (convolved - mean) / spread)


def test_a_single_last_example_joins_the_batch_before_where_a_batch_norm_needs_two() -> None:
    task = Task(1, 1, 0)

    assert [len(step.rows) for step in local_steps(17, SETTINGS, task)] == [8, 8, 1]
    assert [len(step.rows) for step in local_steps(17, SETTINGS, task, 2)] == [8, 9]
    assert local_steps(1, SETTINGS, task, 2) == []
    ours = trainer("batch_norm_1d")
    alone, fit = ours.train(ours.initial, shard_for("batch_norm_1d", 1), task)
    assert fit.steps == 0
    assert_equal(alone, ours.initial)


def test_of_tied_weights_the_first_name_counts() -> None:
    by_ranks, by_weights = trainer("tied"), trainer("tied", "weights")

    assert list(by_ranks.initial) == ["encode", "twice", "head"]
    assert list(by_weights.initial) == [
        "encode",
        "encode.bias",
        "again.bias",
        "twice",
        "head",
        "head.bias",
    ]
    assert torch.equal(by_ranks.module.encode.weight, by_ranks.module.again.weight)
    detach(by_ranks.module)
    assert by_ranks.module.encode.weight is by_ranks.module.again.weight


def test_a_row_for_padding_stays_zero() -> None:
    ours = trainer("lstm")

    assert not ours.module.embed.weight[0].any()
    assert ours.module.embed.weight[1:].any()


def test_what_is_ranked_and_what_is_frozen() -> None:
    treated = {spec.layer: spec.treatment for spec in parameters_of(plain("attention"))}

    assert treated == {
        "positions": Treatment.RANKED,
        "scale": Treatment.OWN,
        "query": Treatment.OWN,
        "embed": Treatment.RANKED,
        "block.self_attn.in_proj_weight": Treatment.RANKED,
        "block.self_attn.in_proj_bias": Treatment.ZERO,
        "block.self_attn.out_proj": Treatment.RANKED,
        "block.self_attn.out_proj.bias": Treatment.ZERO,
        "block.linear1": Treatment.RANKED,
        "block.linear1.bias": Treatment.ZERO,
        "block.linear2": Treatment.RANKED,
        "block.linear2.bias": Treatment.ZERO,
        "block.norm1": Treatment.ONE,
        "block.norm1.bias": Treatment.ZERO,
        "block.norm2": Treatment.ONE,
        "block.norm2.bias": Treatment.ZERO,
        "head": Treatment.RANKED,
        "head.bias": Treatment.ZERO,
    }
    keys = [spec.layer for spec in ranked(plain("keys"))]
    assert keys == [
        *(f"attend.{part}_proj_weight" for part in "qkv"),
        "attend.out_proj",
        "head",
    ]


def test_frozen_values() -> None:
    module = trainer("attention").module

    assert torch.equal(module.scale, torch.full((8,), 0.5)), "a constant stays"
    assert torch.equal(module.query.abs(), torch.full((8,), 0.5)), "sqrt(2 / 8), sign by the seed"
    assert 0 < int((module.query > 0).sum()) < 8
    assert torch.equal(module.block.norm1.weight, torch.ones(8))
    for name, parameter in module.named_parameters():
        if "bias" in name:
            assert not parameter.any(), name


def test_a_parameter_that_the_user_froze_is_kept_and_no_part_of_the_state() -> None:
    def factory() -> nn.Module:
        module = nn.Sequential(nn.Linear(32, 9), nn.ReLU(), nn.Linear(9, 3))
        module[0].requires_grad_(False)
        return module

    built = models.build(factory, 7)
    weight = built[0].weight.clone()
    by_ranks = RankTrainer(built, SETTINGS, seed=7, keep=0.5, mask_by="score")

    by_ranks.train(by_ranks.initial, shard_for("bias", 9), Task(1, 1, 7))

    assert list(by_ranks.initial) == ["2"]
    assert torch.equal(by_ranks.module[0].weight, weight)
    assert torch.equal(models.build(factory, 7)[0].weight, weight), "from the seed"
    assert list(WeightTrainer(factory(), SETTINGS, seed=7).initial) == ["2", "2.bias"]


@pytest.mark.parametrize(
    ("layer", "shape", "fan_in", "rows"),
    [
        (nn.ConvTranspose2d(6, 4, 3), (6, 4, 3, 3), 54, 6),
        (nn.ConvTranspose2d(6, 4, 4, stride=2, groups=2), (6, 2, 4, 4), 12, 6),
        (nn.Conv1d(6, 4, 5, groups=2), (4, 3, 5), 15, 4),
        (nn.Conv3d(2, 4, 3), (4, 2, 3, 3, 3), 54, 4),
        (nn.Bilinear(3, 5, 2), (2, 3, 5), 15, 2),
        (nn.Linear(7, 1), (1, 7), 7, 1),
        (nn.Embedding(9, 4), (9, 4), 4, 9),
        (nn.LSTM(3, 5), (20, 3), 3, 20),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_edges_that_add_up_to_one_output(
    layer: nn.Module, shape: tuple[int, ...], fan_in: int, rows: int
) -> None:
    spec = ranked(nn.Sequential(layer))[0]
    models.signed_constant(layer, 0)

    assert tuple(spec.tensor.shape) == shape
    assert (spec.fan_in, spec.rows) == (fan_in, rows)
    assert torch.equal(
        spec.tensor.detach().abs(), torch.full(shape, np.float32((2 / fan_in) ** 0.5))
    )


def test_the_same_module_on_two_machines() -> None:
    """Buffers that a constructor draws at random come from the seed."""

    class Fourier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("basis", torch.randn(32, 8))
            self.fc = nn.Linear(8, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc((x @ self.basis).cos())

    updates = []
    for machine in range(2):
        torch.manual_seed(machine)
        module = models.build(Fourier, 5)
        ours = RankTrainer(module, SETTINGS, seed=5, keep=0.5, mask_by="score")
        updates.append(ours.train(ours.initial, shard_for("bias", 9), Task(1, 1, 5))[0])

    assert_equal(*updates)
    assert not torch.equal(models.build(Fourier, 6).basis, models.build(Fourier, 5).basis)


def test_lazy_layers_get_their_shape_from_an_example() -> None:
    module = models.build(partial(nn.LazyLinear, 4), 0, (7,))

    assert module.weight.shape == (4, 7)
    assert module.training


def test_a_recurrent_layer_reads_each_weight_once_and_can_be_copied_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, calls = trainer("lstm"), []
    apply = Supermask.forward

    def counted(self: Supermask, scores: torch.Tensor) -> torch.Tensor:
        calls.append(self.layer)
        return apply(self, scores)

    monkeypatch.setattr(Supermask, "forward", counted)
    ours.module(shard_for("lstm", 4).inputs)

    assert sorted(calls) == sorted(ours.initial)
    detach(copy.deepcopy(ours.module))


@every_module
def test_a_step_computes_each_mask_once_however_often_it_is_read(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, computed = trainer(name), Counter[str]()
    masked = Supermask._masked

    def counted(self: Supermask, scores: torch.Tensor) -> torch.Tensor:
        computed[self.layer] += 1
        return masked(self, scores)

    monkeypatch.setattr(Supermask, "_masked", counted)
    _, result = ours.train(ours.initial, shard_for(name, 20), Task(1, 0, 0))

    assert result.steps > 1
    assert computed == dict.fromkeys(ours.initial, result.steps)


class Target(nn.Module):
    """Looks at its own output without a gradient before it computes it with one."""

    def __init__(self, *, look: bool) -> None:
        super().__init__()
        self.head, self.look = nn.Linear(32, 3, bias=False), look

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.look:
            with torch.no_grad():
                self.head(x)
        return self.head(x)


@pytest.mark.parametrize("micro_batch", [0, 3])
def test_a_weight_read_without_a_gradient_does_not_stand_for_one_with(micro_batch: int) -> None:
    updates, settings = [], SETTINGS._replace(micro_batch=micro_batch)
    for look in (False, True):
        ours = RankTrainer(Target(look=look), settings, seed=0, keep=0.4, mask_by="score")
        updates.append(ours.train(ours.initial, shard_for("bias", 20), Task(1, 0, 0))[0])

    assert_equal(*updates)
    assert (updates[0]["head"] != ours.initial["head"]).any()


def test_shards_of_tokens_and_of_rows_differ() -> None:
    assert shard_for("lstm", 4).inputs.dtype is torch.int64
    assert isinstance(shard_for("bias", 4), Shard)
