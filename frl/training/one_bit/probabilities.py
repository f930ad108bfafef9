"""Local training of one client by probabilities: stochastic masks over fixed random weights."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from frl.arrays import Arrays
from frl.models.initial import signed_constant
from frl.randomness import Purpose, generator
from frl.ranking import DIVERGED
from frl.task import Task
from frl.training.batch_statistics import use_batch_statistics
from frl.training.one_bit.bernoulli_mask import BernoulliMask
from frl.training.parameters import ParameterSpec, ranked
from frl.training.ranks import Fit, Shard, fit
from frl.training.settings import TrainSettings
from frl.training.snapshot import Snapshot
from frl.training.stateless import Stateless
from frl.training.supermask import attach_masks, score_parameters

LEAST = 0.01
"""Least probability that training begins with, and one less the greatest: as in the authors' code,
so that no edge is in or out for good."""
_LEVELS = 256


class ProbabilityTrainer:
    """The resident model of a worker that trains the probabilities of a mask.

    The global state is the probability of each edge of the same fixed random network that rankings
    mask; an update is the difference of the trained probabilities to it. Scores do not decay, which
    would pull every probability to one half.

    Attributes
    ----------
    initial : dict of layer name to float32 array
        The probabilities that round 1 begins with: the sigmoid of normal draws, in 256ths.

    Parameters
    ----------
    module : nn.Module
        A plain module; changed in place.
    settings : TrainSettings
    seed : int
        Seed of the run, which fixes weights and first probabilities.
    device : str

    Raises
    ------
    InputError
        If the module has nothing to mask, or a parameter that can be neither masked nor frozen.
    """

    stateless: Stateless | None = None

    def __init__(
        self, module: nn.Module, settings: TrainSettings, *, seed: int, device: str = "cpu"
    ) -> None:
        use_batch_statistics(module)
        signed_constant(module, seed)
        specs = ranked(module)
        number = {spec.layer: index for index, spec in enumerate(specs)}
        self.initial: Arrays = {spec.layer: _drawn(spec, seed, number) for spec in specs}
        self.module = module.to(device)

        def make(spec: ParameterSpec, theta: Tensor) -> BernoulliMask:
            index, layer = number[spec.layer], spec.layer
            return BernoulliMask(theta, seed=seed, index=index, layer=layer, rows=spec.rows)

        attach_masks(self.module, {n: _logits(p) for n, p in self.initial.items()}, make)
        self._untrained = Snapshot(self.module)
        self.settings = settings._replace(weight_decay=0.0)
        self.trained: dict[str, Tensor] = dict(score_parameters(self.module))
        self._begun: dict[str, tuple[NDArray[np.float32], Tensor]] = {}

    def load(self, state: Arrays) -> None:
        """Give every edge the score of its probability, in place."""
        self._untrained.restore()
        with torch.no_grad():
            for name, scores in self.trained.items():
                held, values = self._begun.get(name, (None, scores))
                if held is not state[name] or state[name].flags.writeable:
                    values = torch.from_numpy(_logits(state[name])).to(scores.device)
                    self._begun[name] = (state[name], values)
                scores.copy_(values.view_as(scores))

    def train(self, state: Arrays, shard: Shard, task: Task) -> tuple[Arrays, Fit]:
        """Train from global probabilities on one shard and return the difference.

        A shard of no examples returns zeros.

        Raises
        ------
        ValueError
            If training diverged.
        """
        self.load(state)
        result = fit(self.module, shard, self.settings, task)
        if not result.steps:
            return {name: np.zeros_like(values) for name, values in state.items()}, result
        update = {}
        for name, scores in self.trained.items():
            after = torch.sigmoid(scores.detach()).cpu().numpy().reshape(-1)
            if not np.isfinite(after).all():
                raise ValueError(DIVERGED)
            update[name] = after - state[name]
        return update, result


def _drawn(spec: ParameterSpec, seed: int, number: dict[str, int]) -> NDArray[np.float32]:
    rng = generator(seed, Purpose.SCORES, layer=number[spec.layer])
    p = 1 / (1 + np.exp(-rng.standard_normal(spec.tensor.numel())))
    return (np.rint(p * _LEVELS) / _LEVELS).astype(np.float32)


def _logits(p: NDArray[np.float32]) -> NDArray[np.float32]:
    inside = np.clip(p.astype(np.float64), LEAST, 1 - LEAST)
    return np.log(inside / (1 - inside)).astype(np.float32)
