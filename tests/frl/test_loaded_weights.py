"""Weights from a file: what is loaded and what is drawn, the first ranking, what is refused."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from frl import models
from frl.errors import InputError
from frl.models import DataShape
from frl.training.ranks import RankTrainer, TrainSettings
from frl.training.supermask import detach, supermasks
from frl.training.weights import WeightTrainer


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(216, 3)
    )


def ranks(path: Path, **options: Any) -> RankTrainer:
    options = {"keep": 0.5, "mask_by": "score", **options}
    return RankTrainer(network(), TrainSettings(), seed=0, weights=str(path), **options)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, dict[str, torch.Tensor]]:
    torch.manual_seed(3)
    trained = {name: torch.randn_like(v) for name, v in network().state_dict().items() if v.dim()}
    trained["1.num_batches_tracked"] = torch.tensor(7)
    trained["4.weight"] = torch.randn(10, 216)
    trained["4.bias"] = torch.randn(10)
    save_file(trained, tmp_path / "trained.safetensors")
    return tmp_path / "trained.safetensors", trained


@pytest.mark.parametrize("mask_by", ["score", "abs"])
@pytest.mark.parametrize("keep", [0.3, 1.0])
def test_the_first_mask_keeps_the_largest_weights(
    saved: tuple[Path, dict[str, torch.Tensor]], mask_by: str, keep: float
) -> None:
    path, trained = saved
    ours = ranks(path, mask_by=mask_by, keep=keep)
    theta = trained["0.weight"]
    kept = supermasks(ours.module)["0"].kept
    largest = theta.flatten().abs().argsort()[theta.numel() - kept :]
    expected = torch.zeros(theta.numel()).scatter_(0, largest, 1.0).view_as(theta) * theta

    detach(ours.module)

    assert torch.equal(ours.module[0].weight, expected)
    assert torch.equal(ours.module[0].bias, trained["0.bias"]), "frozen at what was loaded"
    assert torch.equal(ours.module[1].weight, trained["1.weight"])
    assert ours.module[1].running_mean is None


def test_the_head_is_drawn_from_the_seed(saved: tuple[Path, dict[str, torch.Tensor]]) -> None:
    drawn = RankTrainer(network(), TrainSettings(), seed=0, keep=0.5, mask_by="score")

    ours = ranks(saved[0])

    assert torch.equal(supermasks(ours.module)["4"].theta, supermasks(drawn.module)["4"].theta)
    np.testing.assert_array_equal(ours.initial["4"], drawn.initial["4"])
    assert not np.array_equal(ours.initial["0"], drawn.initial["0"])


def test_binarised_loaded_weights_have_one_size(
    saved: tuple[Path, dict[str, torch.Tensor]],
) -> None:
    ours = ranks(saved[0], binarised=True, keep=0.4)
    theta, mask = saved[1]["0.weight"], supermasks(ours.module)["0"]
    scores = ours.trained["0"].detach()

    weights = mask.apply_to(scores)

    kept = mask.mask(scores)
    torch.testing.assert_close(weights, theta.sign() * theta[kept].abs().mean() * kept)


def test_training_by_weights_begins_with_them(
    saved: tuple[Path, dict[str, torch.Tensor]],
) -> None:
    path, trained = saved
    drawn = WeightTrainer(network(), TrainSettings(), seed=0).initial

    found = WeightTrainer(network(), TrainSettings(), seed=0, weights=str(path)).initial

    np.testing.assert_array_equal(found["0"], trained["0.weight"].flatten())
    np.testing.assert_array_equal(found["1.bias"], trained["1.bias"])
    np.testing.assert_array_equal(found["4"], drawn["4"])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"0.weight": None}, r"lacks '0.weight', which the model has"),
        ({"9.weight": torch.zeros(2)}, r"has '9.weight', which the model has not"),
        (
            {"0.weight": torch.zeros(6, 1, 5, 5)},
            r"'0.weight' is 6x1x5x5 of float32 in .*; the model takes 6x1x3x3 of float32",
        ),
        ({"0.bias": torch.zeros(6, dtype=torch.float16)}, r"'0.bias' is 6 of float16 in"),
    ],
)
def test_weights_of_another_network_are_refused_by_name(
    saved: tuple[Path, dict[str, torch.Tensor]], change: dict[str, Any], why: str
) -> None:
    path, trained = saved
    held = {name: tensor for name, tensor in {**trained, **change}.items() if tensor is not None}
    save_file(held, path)

    with pytest.raises(InputError, match=why) as refused:
        ranks(path)

    assert str(refused.value).startswith("model.weights: ")
    assert "\n" not in str(refused.value)


def test_what_is_no_file_of_weights_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model.weights: no file"):
        ranks(tmp_path / "none.safetensors")
    (tmp_path / "torn.safetensors").write_bytes(b"not at all")
    with pytest.raises(InputError, match="is no safetensors file"):
        ranks(tmp_path / "torn.safetensors")


def test_a_model_of_torchvision_is_told_the_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its functions take the number of classes among open arguments."""

    def resnet18(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> nn.Module:
        return nn.Linear(4, kwargs["num_classes"])

    resnet18.__module__ = "torchvision.models.resnet"
    package, inner = types.ModuleType("torchvision"), types.ModuleType("torchvision.models")
    inner.resnet18 = resnet18  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.models", inner)
    made = models.make("torchvision.models:resnet18", DataShape((4,), 7))
    models.registry._entries.pop("torchvision.models:resnet18")

    assert made(torch.zeros(2, 4)).shape == (2, 7)


def test_without_torchvision_the_reason_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.models", None)

    with pytest.raises(InputError, match=r"cannot import 'torchvision.models'") as refused:
        models.make("torchvision.models:resnet18", DataShape((3, 32, 32), 10))

    assert "\n" not in str(refused.value)
