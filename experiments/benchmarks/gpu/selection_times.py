"""How long each way to select a mask takes on a device, by layer and by clients in a stack."""

from __future__ import annotations

from typing import NamedTuple

import torch

from experiments.benchmarks.cohort import trainer_of
from frl.cohort.selection import selection_seconds
from frl.ranking import kept_edges


class SelectionTime(NamedTuple):
    """Milliseconds to mask a layer of some clients, by way of selection."""

    model: str
    layer: str
    edges: int
    clients: int
    milliseconds: dict[str, float]

    @property
    def fastest(self) -> str:
        """The way that a cohort takes for this layer."""
        return min(self.milliseconds, key=self.milliseconds.__getitem__)


def selection_times(model: str, device: str, clients: int) -> list[SelectionTime]:
    """Time every way on the scores of every layer, of one client and of several."""
    drawn = torch.Generator(device).manual_seed(0)
    found = []
    for layer, ranks in trainer_of(model, "cpu").initial.items():
        for rows in (1, clients):
            scores = torch.randn(rows, ranks.size, generator=drawn, device=device)
            taken = selection_seconds(scores, kept_edges(ranks.size, 0.5))
            milliseconds = {how: 1e3 * seconds for how, seconds in taken.items()}
            found.append(SelectionTime(model, layer, ranks.size, rows, milliseconds))
    return found
