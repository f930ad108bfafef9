"""What a cohort trains: the scores or weights of several clients, stacked, one row a client."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from frl.cohort.selection import fastest_selection, rank_rows, top_masks
from frl.ranking import DIVERGED
from frl.supermask import supermasks
from frl.training import RankTrainer, Trainer
from frl.weight_training import WeightTrainer

log = logging.getLogger(__name__)

State: TypeAlias = dict[str, NDArray[Any]]
Stacked: TypeAlias = dict[str, Tensor]
"""By layer, one row a client: shape (clients, *shape of the weight)."""


class Stack(ABC):
    """How the values that a trainer moves become weights, and gradients of weights theirs."""

    @abstractmethod
    def weights(self, values: Stacked) -> Stacked:
        """Return the weights that the forward pass uses, new tensors outside autograd."""

    @abstractmethod
    def gradients(self, values: Stacked, gradients: Stacked) -> Stacked:
        """Turn gradients of the weights into those of the values, in place."""

    @abstractmethod
    def updates(self, states: Sequence[State], values: Stacked) -> list[State | Exception]:
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
        """Return the fixed weights where an edge is kept, 0 elsewhere."""
        stacked = {}
        for name, scores in values.items():
            mask = self._masks[name]
            ordered = (scores.abs() if mask.mask_by == "abs" else scores).flatten(1)
            if name not in self._selection:
                self._selection[name] = fastest_selection(ordered, mask.kept)
                log.info("layer %s is selected by %s", name, self._selection[name])
            kept = top_masks(ordered, mask.kept, self._selection[name])
            stacked[name] = mask.theta * kept.view_as(scores)
        return stacked

    def gradients(self, values: Stacked, gradients: Stacked) -> Stacked:
        """Straight through the mask."""
        for name, gradient in gradients.items():
            mask = self._masks[name]
            gradient.mul_(mask.theta)
            if mask.mask_by == "abs":
                gradient.mul_(values[name].sign())
        return gradients

    def updates(self, states: Sequence[State], values: Stacked) -> list[State | Exception]:
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

    def updates(self, states: Sequence[State], values: Stacked) -> list[State | Exception]:
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
"""How a trainer is stacked, by its exact type: a subclass may train in another way."""


def stack_of(trainer: Trainer) -> Stack | None:
    """Return the stack that belongs to a trainer, ``None`` where its clients train singly."""
    make = STACKS.get(type(trainer))
    return None if make is None else make(trainer)
