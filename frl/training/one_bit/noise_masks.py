"""Local training of one client by masks of random noise, over weights that the server moves."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from frl.arrays import Arrays
from frl.models.initial import kaiming_uniform
from frl.models.loaded import load_weights
from frl.random_noise import random_noise
from frl.ranking import DIVERGED
from frl.task import Task
from frl.training.batch_statistics import least_batch, use_batch_statistics
from frl.training.local_steps import local_steps, micro_batches
from frl.training.one_bit.updated_weight import UpdatedWeight
from frl.training.parameters import ParameterSpec, ranked
from frl.training.ranks import Fit, Shard, fit
from frl.training.settings import TrainSettings
from frl.training.snapshot import Snapshot
from frl.training.stateless import Stateless
from frl.training.supermask import attach_masks, score_parameters


class NoiseMaskTrainer:
    """The resident model of a worker whose clients find their updates within random noise.

    The global state is the weights; an update is the mean of the masked noise that a client would
    draw of what it trained. Updates do not decay. Biases and factors of norms stay as they are.

    Attributes
    ----------
    initial : dict of layer name to float32 array
        The weights that round 1 begins with: Kaiming-uniform, drawn from the seed.

    Parameters
    ----------
    module : nn.Module
        A plain module; changed in place.
    settings : TrainSettings
    seed : int
    width : float
        See :func:`frl.random_noise.random_noise`.
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
        width: float,
        weights: str = "",
        device: str = "cpu",
    ) -> None:
        use_batch_statistics(module)
        kaiming_uniform(module, seed)
        if weights:
            load_weights(module, weights)
        self.initial: Arrays = {
            spec.layer: spec.tensor.detach().numpy().reshape(-1).copy() for spec in ranked(module)
        }
        self.module = module.to(device)
        self._masks: dict[str, UpdatedWeight] = {}

        def make(spec: ParameterSpec, weight: Tensor) -> UpdatedWeight:
            self._masks[spec.layer] = UpdatedWeight(weight, layer=spec.layer, rows=spec.rows)
            return self._masks[spec.layer]

        attach_masks(self.module, {n: np.zeros_like(w) for n, w in self.initial.items()}, make)
        self._untrained = Snapshot(self.module)
        self.settings = settings._replace(weight_decay=0.0)
        self.trained: dict[str, Tensor] = dict(score_parameters(self.module))
        self._width = width

    def load(self, state: Arrays) -> None:
        """Set the weights, in place, and take back what clients trained."""
        self._untrained.restore()
        with torch.no_grad():
            for name, update in self.trained.items():
                weight = self._masks[name].weight
                weight.copy_(torch.from_numpy(np.array(state[name])).view_as(weight))
                update.zero_()

    def train(self, state: Arrays, shard: Shard, task: Task) -> tuple[Arrays, Fit]:
        """Train from global weights on one shard and return what the noise can say of it.

        A shard of no examples returns zeros.

        Raises
        ------
        ValueError
            If training diverged.
        """
        self.load(state)
        for number, name in enumerate(state):
            noise, _ = random_noise(task, number, state[name].size, self._width)
            held = self._masks[name].noise
            held.copy_(torch.from_numpy(noise).view_as(held))
        least = least_batch(self.module)
        steps = local_steps(len(shard.labels), self.settings, task, least)
        passes = iter(
            [
                (number + 1) / len(steps)
                for number, step in enumerate(steps)
                for _ in micro_batches(len(step.rows), self.settings, least)
            ]
        )

        def begin_pass(*_: object) -> None:
            progress = next(passes)
            for mask in self._masks.values():
                mask.progress = progress

        counted = self.module.register_forward_pre_hook(begin_pass)
        try:
            result = fit(self.module, shard, self.settings, task)
        finally:
            counted.remove()
        update = {}
        for name in state:
            clipped = self._masks[name].clipped(self.trained[name].detach())
            update[name] = clipped.cpu().numpy().reshape(-1)
            if not np.isfinite(update[name]).all():
                raise ValueError(DIVERGED)
        return update, result
