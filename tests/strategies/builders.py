"""Updates, rankings and rounds that several tests start from."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from strategies import rules
from strategies.rules import Rule, RuleContext

N, F, LAYERS = 11, 2, (100, 500)
D = sum(LAYERS)
DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def takes_f(name: str) -> bool:
    return any(parameter.name == "f" for parameter in rules.parameters(name))


def make(name: str, f: int = F) -> Rule:
    return rules.make(name, **({"f": f} if takes_f(name) else {}))


def weights(n: int = N, layers: tuple[int, ...] = LAYERS, seed: int = 0) -> Tensor:
    random = np.random.default_rng(seed)
    d = sum(layers)
    values = random.standard_normal(d) + random.standard_normal((n, d))
    return torch.from_numpy(values.astype(np.float32))


def ranking(random: np.random.Generator, layers: tuple[int, ...]) -> np.ndarray[Any, Any]:
    return np.concatenate([random.permutation(size) for size in layers]).astype(np.int32)


def rankings(n: int = N, layers: tuple[int, ...] = LAYERS, seed: int = 0) -> Tensor:
    """Noisy versions of one ranking."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        parts = [np.arange(size) + size / 3 * random.standard_normal(size) for size in layers]
        rows.append(np.concatenate([part.argsort().argsort() for part in parts]))
    return torch.from_numpy(np.stack(rows).astype(np.int32))


def updates(rule: Rule, n: int = N, layers: tuple[int, ...] = LAYERS, seed: int = 0) -> Tensor:
    return weights(n, layers, seed) if rule.space == "weights" else rankings(n, layers, seed)


def context(rule: Rule, n: int = N, layers: tuple[int, ...] = LAYERS, **more: Any) -> RuleContext:
    random = np.random.default_rng(99)
    given: dict[str, Any] = {
        "clients": tuple(range(10, 10 + 3 * n, 3)),
        "layers": layers,
        "seed": 5,
        "round": 3,
        "keep": 0.3,
        "root": weights(1, layers, seed=0)[0],
        "previous": torch.from_numpy(ranking(random, layers)),
    }
    return RuleContext(**{**given, **more})


def same(first: Tensor, second: Tensor, tolerance: float = 1e-5) -> bool:
    if not first.is_floating_point():
        return torch.equal(first, second)
    scale = float(second.abs().max()) or 1.0
    return bool((first - second).abs().max() <= tolerance * scale)


class LargestAllocation(TorchDispatchMode):
    """Records the largest tensor that comes out of any operation and is no view of ``given``."""

    def __init__(self, given: Tensor) -> None:
        super().__init__()
        self.given = given.untyped_storage().data_ptr()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                if storage.data_ptr() != self.given:
                    self.bytes = max(self.bytes, storage.nbytes())
        return result
