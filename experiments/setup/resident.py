"""What a process that runs clients keeps between messages: data, partition and one model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache, partial
from threading import Lock
from typing import Any

import torch
from flwr.app import ArrayRecord, Message, RecordDict

from experiments.config import Config, of_flower_run
from experiments.config.tables import EngineConfig
from experiments.setup.channel import make_channel
from frl import data, models
from frl.cohort import CohortTrainer, CudaMemory
from frl.data import DataSet, Partition, Split
from frl.errors import InputError
from frl.exchange.channel import is_coded
from frl.exchange.messages import Report, Task, arrays_record, read_task
from frl.exchange.state_reader import StateReader
from frl.shard_transform import transformed
from frl.training import Place, RankTrainer, Shard, Trainer
from frl.weight_training import Weights, WeightTrainer, sparsify

_RESIDUAL = "residual"


def load_data(config: Config) -> DataSet:
    """Load the data set of a configuration."""
    return data.load(config.data.name, config.data.path)


def load_partition(config: Config, dataset: DataSet) -> Partition:
    """Divide the training examples as a configuration says."""
    return data.partition(
        dataset,
        config.data.partition,
        clients=config.clients,
        seed=config.seed,
        alpha=config.data.alpha,
        shards=config.data.shards,
        column=config.data.column,
        samples=config.data.samples,
    )


def make_trainer(config: Config, dataset: DataSet) -> Trainer:
    """Build the model of a configuration, ready to train by ranks or by weights."""
    make = partial(models.make, config.model.name, dataset.shape)
    module = models.build(make, config.seed, dataset.shape.example)
    device = check_device(config.engine.device)
    settings = config.train_settings(dataset.augmentation)
    set_matmul_precision(config.engine)
    if config.strategy.name == "fedavg":
        return WeightTrainer(module, settings, seed=config.seed, device=device)
    return RankTrainer(
        module,
        settings,
        seed=config.seed,
        keep=config.strategy.keep,
        mask_by=config.strategy.mask_by,
        device=device,
    )


def make_cohort(config: Config, trainer: Trainer) -> CohortTrainer:
    """Let clients that a process runs side by side train together: on CUDA in one launch each."""
    engine = config.engine
    cuda = torch.device(engine.device).type == "cuda"
    memory = CudaMemory(engine.device, engine.num_gpus or 1.0) if cuda else None
    return CohortTrainer(trainer, stacked=cuda, memory=None if engine.cohort else memory)


def check_device(device: str) -> str:
    """Return a device that this process can use.

    Raises
    ------
    InputError
        If torch does not know it or cannot reach it.
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"engine.device: got {device!r}; {reason}") from None
    return device


def set_matmul_precision(engine: EngineConfig) -> None:
    """Use TF32 on CUDA only where a configuration asks for it.

    Raises
    ------
    InputError
        If it asks for it elsewhere.
    """
    wanted = engine.precision == "tf32"
    if torch.device(engine.device).type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = wanted
        torch.backends.cudnn.allow_tf32 = wanted
    elif wanted:
        raise InputError(
            f"engine.precision: 'tf32' is for CUDA, engine.device is {engine.device!r}"
        )


class Resident:
    """Data, partition and model of one run in one process.

    Parameters
    ----------
    config : Config
    own : tuple of (str, Terms), optional
        This machine's own folder, which is all it trains on, and what the run takes.
    """

    def __init__(self, config: Config, own: tuple[str, data.Terms] | None = None) -> None:
        self.config = config
        self.data = data.load_own(*own) if own else load_data(config)
        self.partition: Partition = (
            data.WholePartition(len(self.data.train.labels))
            if own
            else load_partition(config, self.data)
        )
        self.trainer = make_trainer(config, self.data)
        self._cohort = make_cohort(config, self.trainer)
        self.channel = make_channel(config, self.trainer)
        self.read_state = StateReader(self.channel)

    def answer(self, message: Message, memory: RecordDict) -> tuple[ArrayRecord, Report]:
        """Train as a message asks, and return the update and what to say of it.

        Parameters
        ----------
        message : Message
        memory : RecordDict
            What this client remembers between rounds: what it did not upload, and the state it
            saw last.
        """
        task = read_task(message)
        inputs, labels = self.data.tensors(self._split(task), self.config.engine.device)
        place = Place(task.seed, task.round, task.client)
        base = self.read_state(message, memory)
        update, fit = self._cohort.train(base.ranking, Shard(inputs, labels), place)
        if self.config.strategy.name == "fedavg" and self.config.strategy.upload_top < 1:
            update = self._part(update, memory)
        update = self.channel.dithered(update, task)
        report = Report(len(labels), fit.loss, fit.seconds, fit.steps)
        return self.channel.send_update(update, base, task, coded=is_coded(message)), report

    def _part(self, update: Weights, memory: RecordDict) -> Weights:
        """Return the largest coordinates; the client remembers the others for its next update."""
        kept = memory.array_records.get(_RESIDUAL)
        residual = {} if kept is None else {name: kept[name].numpy() for name in update}
        sent, left = sparsify(update, residual, self.config.strategy.upload_top)
        memory[_RESIDUAL] = arrays_record(left)
        return sent

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
        See :class:`Resident`.
    """
    with _building:
        return _resident(json.dumps(dict(run_config), sort_keys=True), copy, own)


_building = Lock()


@lru_cache(maxsize=1)
def _resident(flat: str, copy: str, own: tuple[str, data.Terms] | None) -> Resident:
    config = of_flower_run({**json.loads(flat), **({"data.path": copy} if copy else {})})
    return Resident(config, own)
