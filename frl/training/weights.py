"""Local training of one client by weights: what rankings are compared with."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from frl.arrays import Arrays
from frl.models.initial import kaiming_uniform
from frl.models.loaded import load_weights
from frl.ranking import kept_edges, packed_order, sortable
from frl.task import Task
from frl.training.batch_statistics import use_batch_statistics
from frl.training.parameters import Treatment, parameters_of
from frl.training.ranks import Fit, Shard, fit
from frl.training.settings import TrainSettings
from frl.training.snapshot import Snapshot
from frl.training.stateless import stateless


class WeightTrainer:
    """The resident model of a worker that trains weights.

    Global state and update are flat float32 arrays by layer; an update is the difference to the
    global weights. All parameters train, biases and factors of norms too.

    Attributes
    ----------
    initial : dict of layer name to float32 array
        The global weights that round 1 begins with: Kaiming-uniform, drawn from the seed; biases
        0, factors of norms 1.

    Parameters
    ----------
    module : nn.Module
        The same plain module that would be ranked; what its parameters are called:
        :mod:`frl.training.parameters`.
    settings : TrainSettings
    seed : int
    weights : str
        File of the weights to begin with (:mod:`frl.models.loaded`); empty: drawn from the seed.
    device : str
    """

    def __init__(
        self,
        module: nn.Module,
        settings: TrainSettings,
        *,
        seed: int,
        weights: str = "",
        device: str = "cpu",
    ) -> None:
        use_batch_statistics(module)
        kaiming_uniform(module, seed)
        if weights:
            load_weights(module, weights)
        self.module = module.to(device)
        specs = [s for s in parameters_of(self.module) if s.treatment is not Treatment.KEPT]
        self.stateless = stateless(self.module, specs)
        self.settings = settings
        self.trained: dict[str, Tensor] = {spec.layer: spec.tensor for spec in specs}
        self.initial: Arrays = self._read()
        self._untrained = Snapshot(self.module)

    def load(self, state: Arrays) -> None:
        """Set the weights, in place."""
        self._untrained.restore()
        with torch.no_grad():
            for name, weight in self.trained.items():
                weight.copy_(torch.from_numpy(np.array(state[name])).view_as(weight))

    def train(self, state: Arrays, shard: Shard, task: Task) -> tuple[Arrays, Fit]:
        """Train from global weights on one shard and return the difference.

        A shard of no examples returns zeros.
        """
        self.load(state)
        result = fit(self.module, shard, self.settings, task)
        return {name: after - state[name] for name, after in self._read().items()}, result

    def _read(self) -> Arrays:
        return {
            name: weight.detach().cpu().numpy().reshape(-1).copy()
            for name, weight in self.trained.items()
        }


def sparsify(update: Arrays, residual: Arrays, share: float) -> tuple[Arrays, Arrays]:
    """Keep the largest coordinates of each layer and remember the rest (error feedback).

    Parameters
    ----------
    update : dict of layer name to float32 array
    residual : dict of layer name to float32 array
        What earlier updates left out; empty at first.
    share : float
        Share of a layer that is sent, ``n - int((1 - share) n)`` coordinates; of equally large
        ones those of higher id.

    Returns
    -------
    (sent, residual)
        They add up to ``update`` plus the old residual (Stich et al., NeurIPS 2018).
    """
    total = {name: values + residual.get(name, np.float32(0)) for name, values in update.items()}
    sent, left = {}, {}
    for name, values in total.items():
        n = values.size
        order = packed_order(sortable(np.abs(values)), np.arange(n, dtype=np.int32))
        chosen = order[n - kept_edges(n, share) :]
        sent[name] = np.zeros_like(values)
        sent[name][chosen] = values[chosen]
        left[name] = values - sent[name]
    return sent, left
