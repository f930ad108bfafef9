"""Description of a module: its layers, what is ranked and frozen, and what its messages cost."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import nn

from frl import wire
from frl.exchange.ballots import ballot
from frl.models.initial import initial_scores
from frl.ranking import rank, top_mask
from frl.training.batch_statistics import has_batch_statistics, use_batch_statistics
from frl.training.parameters import Treatment, parameters_of

_BITS = (4, 2, 1)


class LayerDescription(NamedTuple):
    """One parameter.

    Attributes
    ----------
    layer : str
        Name in states and messages.
    kind : str
        Class of the layer that holds it.
    shape : tuple of int
    edges : int
        Its values.
    treatment : Treatment
        By ranks.
    """

    layer: str
    kind: str
    shape: tuple[int, ...]
    edges: int
    treatment: Treatment


class Description(NamedTuple):
    """A module as this project sees it.

    Attributes
    ----------
    layers : tuple of LayerDescription
    ranked, frozen : int
        Values of all parameters, together.
    buffers : tuple of str
        Put back to what they were built with before every client; no part of a message.
    batch_statistics : bool
        Whether an example's output depends on the others of its batch.
    messages : dict of str to int
        Bytes of an update, by coding: of weights, then of a ranking unlike the one it began with.
    """

    layers: tuple[LayerDescription, ...]
    ranked: int
    frozen: int
    buffers: tuple[str, ...]
    batch_statistics: bool
    messages: dict[str, int]


def describe(module: nn.Module) -> Description:
    """Describe a plain module; it is not changed.

    Raises
    ------
    InputError
        If it has nothing to rank, or a parameter that can be neither ranked nor frozen.
    """
    module = copy.deepcopy(module)
    use_batch_statistics(module)
    layers = tuple(
        LayerDescription(
            spec.layer, spec.kind, tuple(spec.tensor.shape), spec.tensor.numel(), spec.treatment
        )
        for spec in parameters_of(module)
    )
    edges = sum(layer.edges for layer in layers if layer.treatment is Treatment.RANKED)
    return Description(
        layers=layers,
        ranked=edges,
        frozen=sum(layer.edges for layer in layers) - edges,
        buffers=tuple(name for name, _ in module.named_buffers()),
        batch_statistics=has_batch_statistics(module),
        messages=_messages(module, layers),
    )


def _messages(module: nn.Module, layers: tuple[LayerDescription, ...]) -> dict[str, int]:
    weights = {
        layer.layer: np.zeros(layer.edges, dtype=np.float32)
        for layer in layers
        if layer.treatment is not Treatment.KEPT
    }
    base, ranking = (
        {name: rank(scores) for name, scores in initial_scores(module, seed).items()}
        for seed in range(2)
    )

    def size(update: Mapping[str, NDArray[Any]], coding: str, **parameters: Any) -> int:
        made = wire.codings.make(coding, **parameters)
        return len(wire.encode(dict(update), made, base=wire.Base(1, base)))

    found = {"weights, float32": size(weights, "float32"), "ranking": size(ranking, "fixed")}
    for bits in _BITS:
        buckets = {name: ballot(positions, bits) for name, positions in ranking.items()}
        plural = "s" if bits > 1 else ""
        found[f"ballot of {bits} bit{plural}"] = size(buckets, "ballot", bits=bits)
    kept = {name: top_mask(positions, 0.5) for name, positions in ranking.items()}
    found["mask"] = size(kept, "mask", keep=0.5)
    return found
