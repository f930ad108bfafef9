"""Local training of one client, by ranks: edge-popup on its shard, from ranking to ranking."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parametrize

from frl.arrays import Arrays
from frl.models.initial import initial_scores, signed_constant, sorted_scores
from frl.models.loaded import load_weights, rank_by_size
from frl.randomness import Purpose, generator
from frl.ranking import Ranking, rank, unrank
from frl.task import Task
from frl.training.augmentation import augment
from frl.training.batch_statistics import least_batch, use_batch_statistics
from frl.training.forward.randomness import seeded_forward
from frl.training.local_steps import last_pass, local_steps, micro_batches, rows_of
from frl.training.masked_weight import MaskBy, Supermask, computed_once
from frl.training.parameters import ranked
from frl.training.settings import TrainSettings
from frl.training.snapshot import Snapshot
from frl.training.stateless import Stateless, stateless
from frl.training.supermask import attach, score_parameters


class Shard(NamedTuple):
    """Training data of one client, as a model takes them.

    Attributes
    ----------
    inputs : float32 Tensor of shape (m, ...)
    labels : int64 Tensor of shape (m,)
    """

    inputs: Tensor
    labels: Tensor


class Fit(NamedTuple):
    """The result of local optimisation: its loss, its steps and the seconds it took."""

    loss: float
    steps: int
    seconds: float


def autocast(device: torch.device, precision: str) -> AbstractContextManager[None]:
    """Return the context in which a forward pass has a precision."""
    if precision == "bfloat16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


def augmenter(task: Task) -> np.random.Generator:
    """Return the random numbers with which one client changes its training images."""
    return generator(task.seed, Purpose.AUGMENT, round=task.round, client=task.client)


def fit(module: nn.Module, shard: Shard, settings: TrainSettings, task: Task) -> Fit:
    """Minimise cross-entropy over a shard by SGD, in place.

    Parameters
    ----------
    module : nn.Module
        Its parameters are trained, whatever they are (scores or weights), but for frozen ones.
    shard : Shard
    settings : TrainSettings
    task : Task

    Returns
    -------
    Fit
        Mean loss of the last pass over the shard.
    """
    begun = time.perf_counter()
    count = len(shard.labels)
    moved = [parameter for parameter in module.parameters() if parameter.requires_grad]
    optimiser = torch.optim.SGD(
        moved,
        lr=settings.lr,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    module.train()
    changes = augmenter(task)
    least = least_batch(module)
    steps = local_steps(count, settings, task, least)
    device = shard.labels.device
    masks = [mask for mask in module.modules() if isinstance(mask, Supermask)]
    total = torch.zeros((), device=device)
    with seeded_forward(task.seed, round=task.round, client=task.client, device=device):
        for step, batch in zip(steps, rows_of(steps, shard), strict=True):
            optimiser.param_groups[0]["lr"] = step.rate
            inputs = augment(shard.inputs[batch], settings.augmentation, changes)
            optimiser.zero_grad()
            loss = _descent(module, masks, Shard(inputs, shard.labels[batch]), settings, least)
            if settings.clip:
                nn.utils.clip_grad_norm_(moved, settings.clip)
            optimiser.step()
            if step.first:
                total.zero_()
            total += loss * len(batch)
    mean = float(total) / last_pass(steps)
    return Fit(loss=mean, steps=len(steps), seconds=time.perf_counter() - begun)


def _descent(
    module: nn.Module,
    masks: Sequence[Supermask],
    batch: Shard,
    settings: TrainSettings,
    least: int,
) -> Tensor:
    """Add the gradient of a batch's mean loss to the parameters, and return that loss.

    Pieces of a batch share the weights that the parameters stand for, computed once; the norms of
    a batch norm are those of a piece.
    """
    count = len(batch.labels)
    pieces = micro_batches(count, settings, least)
    if len(pieces) == 1:
        with computed_once(masks):
            loss = _loss(module, batch, settings.precision)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()
    mean = torch.zeros((), device=batch.labels.device)
    with computed_once(masks) if masks else parametrize.cached():
        for start, stop in pieces:
            piece = Shard(batch.inputs[start:stop], batch.labels[start:stop])
            loss = _loss(module, piece, settings.precision) * ((stop - start) / count)
            loss.backward(retain_graph=stop < count)  # type: ignore[no-untyped-call]
            mean += loss.detach()
            del loss  # and with it the activations of the piece
    return mean


def _loss(module: nn.Module, batch: Shard, precision: str) -> Tensor:
    with autocast(batch.labels.device, precision):
        logits = module(batch.inputs)
    return nn.functional.cross_entropy(logits.float(), batch.labels)


class Trainer(Protocol):
    """The resident model of a worker, whatever it trains.

    Attributes
    ----------
    initial : dict of layer name to flat array
        The global state that round 1 begins with.
    module : nn.Module
    stateless : Stateless or None
        The module as a function of what it trains, for clients that train as one batch; ``None`` if
        it may not be used so.
    trained : dict of layer name to Tensor
        What training moves: scores or weights.
    settings : TrainSettings
    """

    initial: Arrays
    module: nn.Module
    stateless: Stateless | None
    trained: dict[str, Tensor]
    settings: TrainSettings

    def load(self, state: Arrays) -> None:
        """Put a global state into the module, and take out what earlier clients left there."""

    def train(self, state: Arrays, shard: Shard, task: Task) -> tuple[Arrays, Fit]:
        """Train from a global state on one shard and return the update."""
        ...


class RankTrainer:
    """The resident model of a worker: one module, reused for every client that comes along.

    Attributes
    ----------
    initial : Ranking
        The global ranking that round 1 begins with.
    sorted_scores : dict of layer name to float32 array
        The scores that ranks stand for, ascending.

    Parameters
    ----------
    module : nn.Module
        A plain module; its weights become the run's fixed random ones and it gets supermasks. What
        is ranked and what is frozen: :mod:`frl.training.parameters`.
    settings : TrainSettings
    seed : int
        Seed of the run, which fixes weights and scores.
    keep : float
    mask_by : {"score", "abs"}
    coats, binarised
        See :class:`frl.training.masked_weight.Supermask`.
    weights : str
        File of fixed weights in place of drawn ones (:mod:`frl.models.loaded`); the first ranking
        is then by their size.
    device : str

    Raises
    ------
    InputError
        If the module has nothing to rank, a parameter that can be neither ranked nor frozen, or
        other weights than the file.
    """

    def __init__(
        self,
        module: nn.Module,
        settings: TrainSettings,
        *,
        seed: int,
        keep: float,
        mask_by: MaskBy,
        coats: int = 1,
        binarised: bool = False,
        weights: str = "",
        device: str = "cpu",
    ) -> None:
        use_batch_statistics(module)
        signed_constant(module, seed)
        initial = initial_scores(module, seed)
        self.initial: Ranking = {name: rank(scores) for name, scores in initial.items()}
        self.sorted_scores = sorted_scores(initial)
        for spec in load_weights(module, weights) if weights else ():
            layer, values = spec.layer, spec.tensor.detach().numpy().reshape(-1)
            self.initial[layer] = rank_by_size(values, self.sorted_scores[layer], mask_by)
        self.module = module.to(device)
        self.stateless = stateless(self.module, ranked(self.module))
        attach(self.module, initial, keep, mask_by, coats=coats, binarised=binarised)
        self._untrained = Snapshot(self.module)
        self.settings = settings
        self.trained: dict[str, Tensor] = dict(score_parameters(self.module))
        self._begun: dict[str, tuple[NDArray[np.int32], Tensor]] = {}
        self.load(self.initial)

    def load(self, ranking: Ranking) -> None:
        """Give every edge the score of its rank, in place.

        The clients of a round begin with the same ranking, so its scores are kept until another
        one comes.
        """
        self._untrained.restore()
        with torch.no_grad():
            for name, scores in self.trained.items():
                held, values = self._begun.get(name, (None, scores))
                if held is not ranking[name] or ranking[name].flags.writeable:
                    values = torch.from_numpy(unrank(ranking[name], self.sorted_scores[name]))
                    self._begun[name] = (ranking[name], values.to(scores.device))
                scores.copy_(values.view_as(scores))

    def ranking(self) -> Ranking:
        """Rank the edges by the scores as they are now."""
        return {name: rank(scores.detach().cpu().numpy()) for name, scores in self.trained.items()}

    def train(self, ranking: Ranking, shard: Shard, task: Task) -> tuple[Ranking, Fit]:
        """Train from a ranking on one shard and return the new ranking.

        A shard of no examples returns the ranking it was given.
        """
        self.load(ranking)
        result = fit(self.module, shard, self.settings, task)
        return (self.ranking() if result.steps else ranking), result
