"""Snapshots of a module's state besides its parameters, restored before every client."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

_OF_TORCH = frozenset(vars(nn.Module()))


class Snapshot:
    """Buffers and attributes of a module as they are now.

    Buffers are no part of the state that clients send: what one client's training moves, the next
    must not see. The same holds for attributes that a forward pass sets, such as a hidden state.

    Parameters
    ----------
    module : nn.Module
        Changed by :meth:`restore` alone. Its supermasks are left out: they never move.

    Notes
    -----
    Tensors are put back by value, lists, dicts and sets with what they held, all else by identity.
    """

    def __init__(self, module: nn.Module) -> None:
        self._layers = list(_layers(module))
        self._buffers = [_held(layer._buffers) for layer in self._layers]
        self._attributes = [_held(_attributes(layer)) for layer in self._layers]

    @torch.no_grad()
    def restore(self) -> None:
        """Put everything back, in place."""
        for layer, buffers, attributes in zip(
            self._layers, self._buffers, self._attributes, strict=True
        ):
            layer._buffers.clear()
            layer._buffers.update(_given_back(buffers))
            for name in _attributes(layer).keys() - attributes.keys():
                del vars(layer)[name]
            vars(layer).update(_given_back(attributes))


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    """Yield a module and what is below it, without its parametrizations."""
    seen: set[int] = set()
    waiting = [module]
    while waiting:
        layer = waiting.pop()
        if id(layer) not in seen and not isinstance(layer, parametrize.ParametrizationList):
            seen.add(id(layer))
            yield layer
            waiting.extend(layer.children())


def _attributes(layer: nn.Module) -> dict[str, Any]:
    return {name: value for name, value in vars(layer).items() if name not in _OF_TORCH}


def _held(values: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return each value and a copy of its content; ``None`` where it has none that could move."""
    return {name: (value, _content(value)) for name, value in values.items()}


def _content(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    return copy(value) if type(value) in (list, dict, set) else None


def _given_back(held: dict[str, tuple[Any, Any]]) -> dict[str, Any]:
    given = {}
    for name, (value, content) in held.items():
        if isinstance(value, Tensor):
            value.detach().copy_(content)
        given[name] = value if isinstance(value, Tensor) or content is None else copy(content)
    return given
