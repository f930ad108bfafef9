"""The ClientApp of a script: an own network on own data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from threading import Lock
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np
import torch
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.clientapp.typing import Mod

from frl.app.network import Model, Network, check_network
from frl.app.shards import Shards, largest_label, read_shards
from frl.app.trying import as_tensor, try_network
from frl.client import Client
from frl.cohort import CohortTrainer, CudaMemory
from frl.data import Split
from frl.discretion import discreet
from frl.errors import InputError, unknown
from frl.exchange.channel import Channel
from frl.exchange.messages import CLIENT, CONFIG, read_task, reply_content
from frl.exchange.plain import plain_channel
from frl.methods.base import KEEP
from frl.shard_transform import transformed
from frl.task import Task
from frl.training.masked_weight import MaskBy
from frl.training.ranks import Shard, Trainer
from frl.training.settings import TrainSettings

_DEFAULTS = TrainSettings()
_AUGMENTATIONS = ("none", "crop-flip")


class Worker(NamedTuple):
    """The resident state of a process for the runs of one seed."""

    trainer: Trainer
    channel: Channel
    client: Client


MakeMod: TypeAlias = "Callable[[ShardApp], Mod]"
"""Makes a mod that uses what an app keeps; a function that can be imported by name."""


class ShardApp(ClientApp):
    """The Flower ClientApp that :func:`client_app` makes.

    Attributes
    ----------
    network : Network
    clients : int
    example : tuple of int
        Shape of one example.
    classes : int
        Outputs of the network.
    integers : bool
        Whether the network takes its inputs as integers, such as tokens.
    """

    def __init__(
        self,
        network: Network,
        settings: TrainSettings,
        shards: Shards,
        example: tuple[int, ...],
        classes: int,
        device: str = "cpu",
        integers: bool = False,
        mods: Sequence[Mod] = (),
        around: Sequence[MakeMod] = (),
    ) -> None:
        super().__init__(mods=[discreet, *(make(self) for make in around), *mods])
        self.network, self.example, self.classes = network, example, classes
        self.clients = shards.clients
        self.integers = integers
        self._parts = (network, settings, shards, example, classes, device, integers)
        self._own_mods, self._around = tuple(mods), tuple(around)
        self._settings, self._shards, self._device = settings, shards, device
        self._building = Lock()
        self._workers: dict[int, Worker] = {}
        self.train()(self._answer)
        self.query()(self._introduce)

    def __reduce__(self) -> tuple[Any, ...]:
        return ShardApp, (*self._parts, self._own_mods, self._around)

    def with_mod(self, make: MakeMod) -> ShardApp:
        """Return this app with one more Flower mod around it, unless it has it already."""
        around = self._around if make in self._around else (make, *self._around)
        return ShardApp(*self._parts, self._own_mods, around)

    def worker(self, seed: int) -> Worker:
        """Return what this process keeps for the run of a seed; made on first use."""
        with self._building:
            if seed not in self._workers:
                self._workers = {seed: self._make_worker(seed)}
            return self._workers[seed]

    def _make_worker(self, seed: int) -> Worker:
        trainer = self.network.trainer(seed, self._settings, self._device)
        cuda = torch.device(self._device).type == "cuda"
        memory = CudaMemory(self._device, 1.0) if cuda else None
        cohort = CohortTrainer(trainer, stacked=cuda, memory=memory)
        channel = plain_channel(trainer.initial)
        return Worker(trainer, channel, Client(cohort.train, channel, self._shard))

    def _answer(self, message: Message, context: Context) -> Message:
        torch.set_num_threads(1)
        client = self.worker(read_task(message).seed).client
        update, report = client.answer(message, context.state)
        return Message(reply_content(update, report), reply_to=message)

    def _introduce(self, message: Message, context: Context) -> Message:
        client = cast(int, context.node_config.get("partition-id", -1))
        return Message(
            RecordDict({CONFIG: ConfigRecord({CLIENT: client})}),
            reply_to=message,
        )

    def _shard(self, task: Task) -> Shard:
        split = self._shards.of(task.client)
        if split.labels.max() >= self.classes:
            raise InputError(
                f"shard {task.client}: there is a label {split.labels.max()}; the model has "
                f"{self.classes} outputs"
            )
        return tensors(Split(*transformed(*split)), self._device, integers=self.integers)


def tensors(split: Split, device: str = "cpu", *, integers: bool = False) -> Shard:
    """Return examples as a model takes them: inputs as they are, and int64 labels."""
    inputs = as_tensor(split.inputs, integers=integers, device=device)
    return Shard(inputs, torch.from_numpy(np.array(split.labels)).to(device))


def client_app(
    model: Model,
    shards: Any,
    *,
    clients: int | None = None,
    method: str = "frl",
    keep: float = KEEP,
    mask_by: MaskBy = "score",
    coats: int = 1,
    binarised: bool = False,
    epochs: int = _DEFAULTS.epochs,
    steps: int = _DEFAULTS.steps,
    batch_size: int = _DEFAULTS.batch_size,
    lr: float | None = None,
    lr_decay: float = _DEFAULTS.lr_decay,
    momentum: float = _DEFAULTS.momentum,
    weight_decay: float = _DEFAULTS.weight_decay,
    clip: float = _DEFAULTS.clip,
    micro_batch: int = _DEFAULTS.micro_batch,
    augmentation: str = _DEFAULTS.augmentation,
    device: str = "cpu",
    mods: Sequence[Mod] = (),
) -> ShardApp:
    """Make the Flower ClientApp of an own network on own data.

    The seed comes with each message, from the strategy.

    Parameters
    ----------
    model : Model
        A class, or a function without parameters, that makes a torch module of linear and
        convolution layers without bias; its outputs are the logits of the classes.
    shards : sequence of shards, or callable
        One a client: pairs ``(inputs, labels)`` of arrays or tensors, torch datasets, or Hugging
        Face datasets. All are read and checked here. Or a callable from a client id to a shard,
        asked where a shard is trained on, for more than memory holds. Inputs reach the model as
        float32, not scaled; integers (but for bytes) as int64 where the model takes them, as one
        of tokens does.
    clients : int, optional
        How many there are, for a callable.
    method : str
        Rank edges, or train weights.
    keep : float
        Share of edges that a mask keeps.
    mask_by : {"score", "abs"}
    coats : int
        Nested masks of one ranking; a weight counts once for each that its edge is in.
    binarised : bool
        Whether all kept weights of a layer have one size, their mean.
    epochs, steps, batch_size, lr, lr_decay, momentum, weight_decay, clip, micro_batch, augmentation
        The same as the keys ``train.*`` of a configuration, see
        :class:`frl.training.settings.TrainSettings`; ``lr`` is by default what suits the method.
    device : str
    mods : sequence of Mod
        Flower mods around the training.

    Raises
    ------
    InputError
        If the model cannot be trained, a shard is none, or a setting is out of range.
    """
    network = Network(model, method, keep, mask_by, coats, binarised)
    check_network(network)
    settings = TrainSettings(
        epochs=epochs,
        steps=steps,
        batch_size=batch_size,
        lr=network.learning_rate if lr is None else lr,
        lr_decay=lr_decay,
        momentum=momentum,
        weight_decay=weight_decay,
        clip=clip,
        micro_batch=micro_batch,
        augmentation=augmentation,
    )
    _check_settings(settings)
    read = read_shards(shards, clients)
    first = read.of(0)
    example = first.inputs.shape[1:]
    if augmentation != "none" and len(example) != 3:
        raise InputError(
            f"augmentation: {augmentation!r} takes images (channels, height, width); examples have "
            f"shape {example}"
        )
    classes, integers = try_network(model, first)
    largest = largest_label(read)
    if largest >= classes:
        raise InputError(f"shards: there is a label {largest}; the model has {classes} outputs")
    return ShardApp(network, settings, read, example, classes, device, integers, mods)


def _check_settings(settings: TrainSettings) -> None:
    for name, least in (("epochs", 1), ("batch_size", 1), ("steps", 0), ("micro_batch", 0)):
        value = getattr(settings, name)
        if type(value) is not int or value < least:
            raise InputError(f"{name}: got {value!r}; takes an integer from {least}")
    for name in ("lr", "lr_decay", "momentum", "weight_decay", "clip"):
        value = getattr(settings, name)
        if not isinstance(value, int | float) or not isfinite(value) or value < 0:
            raise InputError(f"{name}: got {value!r}; takes a number from 0")
    if settings.augmentation not in _AUGMENTATIONS:
        raise unknown("augmentation", settings.augmentation, _AUGMENTATIONS)
