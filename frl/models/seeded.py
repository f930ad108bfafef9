"""The construction of a module whose random parts follow from a seed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from frl.errors import InputError
from frl.training.forward.randomness import seeded_forward


def build(
    factory: Callable[[], nn.Module], seed: int, example: tuple[int, ...] | None = None
) -> nn.Module:
    """Build a module, the same on every machine, its lazy layers given their shape.

    Weights are set by the trainer; this is for what it leaves as it was built: buffers, and
    parameters with ``requires_grad=False``.

    Parameters
    ----------
    factory : callable
        A class or function that takes no arguments.
    seed : int
        Seed of the run.
    example : tuple of int, optional
        Shape of one example, for lazy layers.

    Raises
    ------
    InputError
        If it makes no module, or its lazy layers cannot take examples of that shape.
    """
    with seeded_forward(seed):
        module = factory()
        if not isinstance(module, nn.Module):
            raise InputError(f"model: makes a {type(module).__name__}; takes a torch module")
        if example is not None and _is_lazy(module):
            _materialise(module, example)
    return module


def _is_lazy(module: nn.Module) -> bool:
    return any(is_lazy(held) for held in [*module.parameters(), *module.buffers()])


@torch.no_grad()
def _materialise(module: nn.Module, example: tuple[int, ...]) -> None:
    training = module.training
    module.eval()
    try:
        module(torch.zeros(2, *example))
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"model {type(module).__name__}: cannot take examples of shape {example}: {reason}"
        ) from None
    module.train(training)
