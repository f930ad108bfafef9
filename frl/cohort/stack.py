"""Stacks: the scores or weights of the clients of a cohort, one row a client."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor

from frl.arrays import Arrays
from frl.cohort.selection import fastest_selection, rank_rows, top_masks
from frl.ranking import DIVERGED
from frl.training.ranks import RankTrainer, Trainer
from frl.training.supermask import supermasks
from frl.training.weights import WeightTrainer

log = logging.getLogger(__name__)

Stacked: TypeAlias = dict[str, Tensor]
"""By layer, one row a client: shape (clients, *shape of the weight)."""


class Stack(ABC):
    """The values that training moves, for all clients of a cohort, and the weights made of them."""

    @abstractmethod
    def weights(self, values: Stacked) -> Stacked:
        """Return the weights that the forward pass uses, new tensors outside autograd."""

    @abstractmethod
    def gradients(self, values: Stacked, gradients: Stacked) -> Stacked:
        """Turn gradients of the weights into those of the values, in place."""

    @abstractmethod
    def updates(self, states: Sequence[Arrays], values: Stacked) -> list[Arrays | Exception]:
        """Return what each client sends, or why it can send nothing."""


class ScoreStack(Stack):
    """Scores behind supermasks, selected in whichever way was fastest the first time.

    Parameters
    ----------
    trainer : RankTrainer
    """

    def __init__(self, trainer: RankTrainer) -> None:
        self._masks = supermasks(trainer.module)
        self._selection: dict[str, str] = {}

    def weights(self, values: Stacked) -> Stacked:
        """Return the masked weights of each client."""
        stacked = {}
        for name, scores in values.items():
            mask = self._masks[name]
            ordered = (scores.abs() if mask.mask_by == "abs" else scores).flatten(1)
            if name not in self._selection:
                self._selection[name] = fastest_selection(ordered, mask.kept)
                log.info("layer %s is selected by %s", name, self._selection[name])
            how = self._selection[name]
            masks = [top_masks(ordered, size, how).view_as(scores) for size in mask.sizes]
            stacked[name] = mask.weights(masks)
        return stacked

    def gradients(self, values: Stacked, gradients: Stacked) -> Stacked:
        """Straight through the mask."""
        for name, gradient in gradients.items():
            mask = self._masks[name]
            gradient.mul_(mask.theta)
            if mask.mask_by == "abs":
                gradient.mul_(values[name].sign())
        return gradients

    def updates(self, states: Sequence[Arrays], values: Stacked) -> list[Arrays | Exception]:
        """Rank the scores of each client."""
        finite = np.ones(len(states), dtype=bool)
        positions = {}
        for name, scores in values.items():
            rows = scores.flatten(1)
            finite &= rows.isfinite().all(dim=1).cpu().numpy()
            positions[name] = rank_rows(rows).cpu().numpy()
        return [
            {name: rows[row].copy() for name, rows in positions.items()}
            if finite[row]
            else ValueError(DIVERGED)
            for row in range(len(states))
        ]


class WeightStack(Stack):
    """Weights as they are."""

    def weights(self, values: Stacked) -> Stacked:
        """Return a copy."""
        return {name: weights.clone() for name, weights in values.items()}

    def gradients(self, values: Stacked, gradients: Stacked) -> Stacked:
        """Return them unchanged."""
        return gradients

    def updates(self, states: Sequence[Arrays], values: Stacked) -> list[Arrays | Exception]:
        """Subtract the global weights."""
        after = {name: weights.flatten(1).cpu().numpy() for name, weights in values.items()}
        return [
            {name: rows[row] - state[name] for name, rows in after.items()}
            for row, state in enumerate(states)
        ]


STACKS: dict[type, Callable[[Any], Stack]] = {
    RankTrainer: ScoreStack,
    WeightTrainer: lambda _: WeightStack(),
}
"""Stacks by the exact type of their trainer: a subclass may train in another way."""


def stack_of(trainer: Trainer) -> Stack | None:
    """Return the stack that belongs to a trainer, ``None`` where its clients train singly."""
    make = STACKS.get(type(trainer))
    return None if make is None else make(trainer)
