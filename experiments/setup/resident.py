"""What a process that runs clients keeps between messages: data, partition and one model."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from functools import cached_property, lru_cache
from threading import Lock
from typing import Any

import torch
from flwr.app import ArrayRecord, Context, Message, RecordDict

from experiments.config import Config, of_flower_run
from experiments.setup.setup import Setup
from frl import data
from frl.client import Client
from frl.cohort import CohortTrainer, CudaMemory
from frl.data import Partition, Split
from frl.exchange.messages import Report, Task
from frl.shard_transform import transformed
from frl.training import Shard, Trainer


def make_cohort(config: Config, trainer: Trainer) -> CohortTrainer:
    """Let clients that a process runs side by side train together: on CUDA in one launch each."""
    engine = config.engine
    cuda = torch.device(engine.device).type == "cuda"
    memory = CudaMemory(engine.device, engine.num_gpus or 1.0) if cuda else None
    return CohortTrainer(trainer, stacked=cuda, memory=None if engine.cohort else memory)


class Resident:
    """Data, partition and model of one run in one process.

    Parameters
    ----------
    setup : Setup
    whole : bool
        Whether each client trains on all of the data, which are this machine's own.
    """

    def __init__(self, setup: Setup, *, whole: bool = False) -> None:
        self.config, self.data, self.setting = setup.config, setup.data, setup.setting
        self.partition: Partition = (
            data.WholePartition(len(self.data.train.labels)) if whole else setup.partition
        )
        self.channel = setup.channel
        strategy = setup.config.strategy
        self._client = Client(
            make_cohort(setup.config, setup.trainer).train,
            self.channel,
            self._shard,
            upload_top=strategy.upload_top if strategy.method.space == "weights" else 1.0,
        )
        self.read_state = self._client.read_state

    def answer(self, message: Message, memory: RecordDict) -> tuple[ArrayRecord, Report]:
        """Answer a train message; see :meth:`frl.client.Client.answer`."""
        return self._client.answer(message, memory)

    def _shard(self, task: Task) -> Shard:
        return Shard(*self.data.tensors(self._split(task), self.config.engine.device))

    def _split(self, task: Task) -> Split:
        rows = self.partition.of(task.client)
        return Split(*transformed(self.data.train.inputs[rows], self.data.train.labels[rows]))


def resident(
    run_config: Mapping[str, Any], copy: str = "", own: tuple[str, data.Terms] | None = None
) -> Resident:
    """Return this process's resident for a flat run configuration, built on first use.

    Parameters
    ----------
    run_config : mapping
    copy : str
        Where this machine keeps the data set of the run; by default where the run says.
    own : tuple of (str, Terms), optional
        This machine's own folder, which is all it trains on, and what the run takes.
    """
    with _building:
        return _resident(json.dumps(dict(run_config), sort_keys=True), copy, own)


class OwnResident:
    """What a process keeps for a run with parts from outside, which come with the client app.

    Parameters
    ----------
    setup : Setup
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = copy.copy(setup)
        self._building = Lock()

    def __call__(self, message: Message, context: Context) -> Resident:
        """Return it, built on first use in this process."""
        with self._building:
            return self._resident

    @cached_property
    def _resident(self) -> Resident:
        return Resident(self._setup)

    def __reduce__(self) -> tuple[type[OwnResident], tuple[Setup]]:
        return OwnResident, (self._setup,)


_building = Lock()


@lru_cache(maxsize=1)
def _resident(flat: str, copy: str, own: tuple[str, data.Terms] | None) -> Resident:
    config = of_flower_run({**json.loads(flat), **({"data.path": copy} if copy else {})})
    if own:
        return Resident(Setup(config, data=data.load_own(*own)), whole=True)
    return Resident(Setup(config))
