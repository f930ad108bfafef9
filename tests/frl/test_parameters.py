"""What cannot be ranked is refused with one line that names it."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from frl import models
from frl.errors import InputError
from frl.training.parameters import parameters_of
from frl.training.ranks import RankTrainer
from frl.training.settings import TrainSettings
from frl.training.weights import WeightTrainer


def inside(layer: nn.Module) -> nn.Module:
    return nn.ModuleDict({"block": nn.Sequential(nn.Linear(3, 2), layer)})


def with_parameter(values: torch.Tensor) -> nn.Module:
    layer = nn.Module()
    layer.table = nn.Parameter(values)
    return inside(layer)


def weight_norm() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return inside(nn.utils.weight_norm(nn.Linear(3, 2)))


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "lazy": (lambda: inside(nn.LazyLinear(2)), r"layer 'block\.1' \(LazyLinear\) has no shape yet"),
    "lazy norm": (
        lambda: inside(nn.LazyBatchNorm1d()),
        r"layer 'block\.1' \(LazyBatchNorm1d\) has no shape yet",
    ),
    "empty": (lambda: with_parameter(torch.zeros(0, 4)), r"'block\.1\.table' has no values"),
    "complex": (
        lambda: with_parameter(torch.zeros(2, 4, dtype=torch.complex64)),
        r"'block\.1\.table': got torch\.complex64; takes torch\.float32",
    ),
    "double": (lambda: inside(nn.Linear(3, 2).double()), r"'block\.1\.weight': got torch\.float64"),
    "sparse": (
        lambda: inside(nn.Embedding(4, 3, sparse=True)),
        r"layer 'block\.1' has sparse=True; takes sparse=False",
    ),
    "max norm": (lambda: inside(nn.EmbeddingBag(4, 3, max_norm=1.0)), r"'block\.1' has a max_norm"),
    "weight norm": (weight_norm, r"layer 'block\.1' \(Linear\) computes its weight"),
    "parametrized": (
        lambda: inside(parametrizations.spectral_norm(nn.Linear(3, 2))),
        r"layer 'block\.1' \(ParametrizedLinear\) computes its weight",
    ),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_refused_by_name(case: str) -> None:
    factory, message = REFUSED[case]

    with pytest.raises(InputError, match=message) as ranks:
        RankTrainer(factory(), TrainSettings(), seed=0, keep=0.5, mask_by="score")
    with pytest.raises(InputError, match=message):
        WeightTrainer(factory(), TrainSettings(), seed=0)
    assert "\n" not in str(ranks.value)


@pytest.mark.parametrize("module", [nn.ReLU(), nn.Sequential(nn.BatchNorm2d(3))])
def test_nothing_to_rank(module: nn.Module) -> None:
    with pytest.raises(InputError, match="has no weights that can be ranked"):
        RankTrainer(module, TrainSettings(), seed=0, keep=0.5, mask_by="score")


def test_values_of_other_types_are_kept_where_nothing_trains_them() -> None:
    module = nn.Sequential(nn.Linear(3, 2))
    module.steps = nn.Parameter(torch.arange(4), requires_grad=False)

    ours = RankTrainer(module, TrainSettings(), seed=0, keep=0.5, mask_by="score")

    assert list(ours.initial) == ["0"]
    assert torch.equal(ours.module.steps, torch.arange(4))


def test_a_layer_alone_is_called_by_its_parameter() -> None:
    assert [spec.layer for spec in parameters_of(nn.Linear(3, 2))] == ["weight", "bias"]


@pytest.mark.parametrize(
    ("factory", "example", "message"),
    [
        (lambda: [nn.Linear(3, 2)], None, "makes a list; takes a torch module"),
        (
            lambda: nn.Sequential(nn.Linear(3, 2), nn.LazyLinear(2)),
            (4,),
            r"model Sequential: cannot take examples of shape \(4,\)",
        ),
    ],
)
def test_what_cannot_be_built(
    factory: Callable[[], nn.Module], example: tuple[int, ...] | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        models.build(factory, 0, example)
