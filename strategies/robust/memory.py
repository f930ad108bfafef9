"""What a strategy behind a rule remembers between rounds, as arrays by name.

Those of Flower's own strategies are known: the moments of ``FedAdam``, ``FedYogi`` and
``FedAdagrad``, and the momentum of ``FedAvgM``. One that is derived from them and remembers more
has to keep that itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from flwr.serverapp import strategy as flower
from flwr.serverapp.strategy import FedAvg
from flwr.serverapp.strategy.fedopt import FedOpt
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.errors import InputError
from strategies.rules import RuleState

_MOMENTS = ("m_t", "v_t")
_ROUND, _NODES, _SIZES, _MADE_BY = "round", "nodes", "sizes", "made-by"
_RULE, _INNER = "rule/", "inner/"


class Past(NamedTuple):
    """The past of a run.

    Attributes
    ----------
    round : int
        Rounds that are done.
    nodes : sequence of int
        In the order of the numbers of the clients.
    sizes : tuple of int
        Values of each array that the rule works on; empty before the first round.
    rule : RuleState
    inner : dict of str to array
    """

    round: int
    nodes: Sequence[int]
    sizes: tuple[int, ...]
    rule: RuleState
    inner: Arrays


def as_arrays(past: Past, made_by: str) -> Arrays:
    """Write a past as arrays that ``numpy.savez`` takes."""
    return {
        _MADE_BY: np.array(made_by),
        _ROUND: np.array(past.round),
        _NODES: np.array(past.nodes, dtype=np.uint64),
        _SIZES: np.array(past.sizes, dtype=np.int64),
        **{_RULE + name: tensor.cpu().numpy().copy() for name, tensor in past.rule.items()},
        **{_INNER + name: np.array(values) for name, values in past.inner.items()},
    }


def from_arrays(arrays: Mapping[str, NDArray[Any]], made_by: str) -> Past:
    """Read what :func:`as_arrays` wrote.

    Raises
    ------
    InputError
        If it is none, or of another strategy or rule.
    """
    missing = [name for name in (_MADE_BY, _ROUND, _NODES, _SIZES) if name not in arrays]
    if missing:
        raise InputError(f"memory: has no {missing[0]!r}; takes that of a strategies.Robust")
    if (theirs := str(arrays[_MADE_BY])) != made_by:
        raise InputError(f"memory: got that of {theirs}; takes that of {made_by}")
    return Past(
        int(arrays[_ROUND]),
        [int(node) for node in arrays[_NODES]],
        tuple(int(size) for size in arrays[_SIZES]),
        {name: torch.from_numpy(values) for name, values in _under(_RULE, arrays).items()},
        _under(_INNER, arrays),
    )


def of_inner(inner: FedAvg) -> Arrays:
    """Return what a strategy remembers."""
    if isinstance(inner, FedOpt):
        return {
            f"{moment}/{layer}": values
            for moment in _MOMENTS
            for layer, values in (getattr(inner, moment) or {}).items()
        }
    if isinstance(inner, flower.FedAvgM):
        return {str(place): values for place, values in enumerate(inner.momentum_vector or ())}
    return {}


def into_inner(inner: FedAvg, memory: Arrays) -> None:
    """Let a strategy remember what :func:`of_inner` returned, and start from the next state."""
    if isinstance(inner, FedOpt):
        for moment in _MOMENTS:
            setattr(inner, moment, _under(f"{moment}/", memory) or None)
    elif isinstance(inner, flower.FedAvgM):
        momentum = [memory[str(place)] for place in range(len(memory))]
        inner.momentum_vector, inner.current_arrays = momentum or None, None


def _under(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> Arrays:
    return {
        name.removeprefix(prefix): np.array(values)
        for name, values in arrays.items()
        if name.startswith(prefix)
    }
