from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from frl.ranking import kept_edges
from frl.training.masked_weight import Supermask
from frl.training.supermask import attach, detach, score_parameters


def small_module() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5, bias=False)
    )


def random_scores(module: nn.Module) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        name.removesuffix(".weight"): rng.standard_normal(p.numel()).astype(np.float32)
        for name, p in module.named_parameters()
    }


@pytest.mark.parametrize("keep", [0.1, 0.25, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("mask_by", ["score", "abs"])
def test_keeps_exactly_the_share_of_edges(keep: float, mask_by: str) -> None:
    theta = torch.ones(7, 11)
    scores = torch.randn(7, 11, generator=torch.Generator().manual_seed(1))

    weights = Supermask(theta, keep, mask_by)(scores)

    n = theta.numel()
    ranked = (scores.abs() if mask_by == "abs" else scores).flatten().argsort(stable=True)
    expected = torch.zeros(n)
    expected[ranked[int((1 - keep) * n) :]] = 1
    assert int(weights.sum()) == n - int((1 - keep) * n) == kept_edges(n, keep)
    assert torch.equal(weights.flatten(), expected)


@pytest.mark.parametrize("mask_by", ["score", "abs"])
def test_gradient_reaches_all_edges_straight_through(mask_by: str) -> None:
    theta = torch.tensor([0.5, -0.5, 0.5, -0.5])
    scores = torch.tensor([-3.0, -1.0, 1.0, 2.0], requires_grad=True)
    upstream = torch.tensor([1.0, 2.0, 3.0, 4.0])

    (Supermask(theta, 0.5, mask_by)(scores) * upstream).sum().backward()

    expected = upstream * theta * (scores.sign() if mask_by == "abs" else 1)
    assert torch.equal(scores.grad, expected.detach())


def test_a_weight_used_twice_gets_both_gradients() -> None:
    module = nn.Linear(3, 3, bias=False)
    attach(nn.Sequential(module), {"0": np.arange(9, dtype=np.float32)}, 0.5, "score")
    x = torch.randn(2, 3)

    with parametrize.cached():
        module(module(x)).sum().backward()

    assert torch.isfinite(module.parametrizations.weight.original.grad).all()


def test_detach_leaves_a_plain_module_behind() -> None:
    module = small_module()
    x = torch.randn(2, 1, 8, 8)
    attach(module, random_scores(module), 0.5, "score")
    masked = module(x)

    detach(module)

    assert {type(layer) for layer in module} == {nn.Conv2d, nn.ReLU, nn.Flatten, nn.Linear}
    assert set(module.state_dict()) == {"0.weight", "3.weight"}
    assert all(type(p) is nn.Parameter for p in module.parameters())
    assert float((module[3].weight == 0).float().mean()) == 0.5
    assert torch.equal(module(x), masked)


def test_scores_are_the_only_parameters() -> None:
    module = small_module()
    scores = random_scores(module)

    attach(module, scores, 0.5, "score")

    found = score_parameters(module)
    assert [id(p) for p in module.parameters()] == [id(p) for p in found.values()]
    for name, values in scores.items():
        np.testing.assert_array_equal(found[name].detach().numpy().reshape(-1), values)
