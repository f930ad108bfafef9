"""Local training of one client by weights that move in steps of one size."""

from __future__ import annotations

import numpy as np
from torch import nn

from frl.arrays import Arrays
from frl.task import Task
from frl.training.ranks import Fit, Shard
from frl.training.settings import TrainSettings
from frl.training.stateless import Stateless
from frl.training.weights import WeightTrainer


class MovedWeightTrainer:
    """The resident model of a worker whose global state is how far weights moved from the first.

    Everybody draws the first weights from the seed. Where the server moves by steps of a power of
    two, sums of steps are exact, and a state is small whole numbers of them.

    Attributes
    ----------
    initial : dict of layer name to float32 array
        Zeros.

    Parameters
    ----------
    module : nn.Module
    settings : TrainSettings
    seed : int
    weights : str
        File of the weights to begin with; empty: drawn from the seed.
    device : str
    """

    stateless: Stateless | None = None

    def __init__(
        self,
        module: nn.Module,
        settings: TrainSettings,
        *,
        seed: int,
        weights: str = "",
        device: str = "cpu",
    ) -> None:
        self._weights = WeightTrainer(module, settings, seed=seed, weights=weights, device=device)
        self._first = self._weights.initial
        self.initial: Arrays = {name: np.zeros_like(w) for name, w in self._first.items()}
        self.module = self._weights.module
        self.trained = self._weights.trained
        self.settings = settings

    def load(self, state: Arrays) -> None:
        """Set the weights, in place."""
        self._weights.load(self._moved(state))

    def train(self, state: Arrays, shard: Shard, task: Task) -> tuple[Arrays, Fit]:
        """Train from the moved weights on one shard and return the difference."""
        return self._weights.train(self._moved(state), shard, task)

    def _moved(self, state: Arrays) -> Arrays:
        return {name: weights + state[name] for name, weights in self._first.items()}
