"""What a process that runs clients keeps between messages: data, partition and one model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from flwr.app import ArrayRecord, Message
from numpy.typing import NDArray

from experiments.config import Config, from_flat
from frl import data, models
from frl.data import DataSet, Partition, Split
from frl.errors import InputError
from frl.messages import Report, Task, arrays_record, read_arrays, read_task
from frl.ranking import Ranking
from frl.training import Place, RankTrainer, Shard


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
    )


def rank_trainer(config: Config, dataset: DataSet) -> RankTrainer:
    """Build the model of a configuration, ready to train by ranks."""
    return RankTrainer(
        models.make(config.model.name, dataset.shape),
        config.train_settings(dataset.augmentation),
        seed=config.seed,
        keep=config.strategy.keep,
        mask_by=config.strategy.mask_by,
        device=check_device(config.engine.device),
    )


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


class Resident:
    """Data, partition and model of one run in one process.

    Parameters
    ----------
    config : Config
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.data = load_data(config)
        self.partition = load_partition(config, self.data)
        self.trainer = rank_trainer(config, self.data)
        self._state: tuple[list[bytes], dict[str, NDArray[Any]]] = ([], {})

    def answer(self, message: Message) -> tuple[ArrayRecord, Report]:
        """Train as a message asks, and return the update and what to say of it."""
        task = read_task(message)
        split = self._split(task)
        inputs, labels = self.data.tensors(split, self.config.engine.device)
        place = Place(task.seed, task.round, task.client)
        ranking, fit = self.trainer.train(self._ranking(message), Shard(inputs, labels), place)
        report = Report(len(labels), fit.loss, fit.seconds, fit.steps)
        return arrays_record(ranking), report

    def _split(self, task: Task) -> Split:
        rows = self.partition.of(task.client)
        return Split(self.data.train.inputs[rows], self.data.train.labels[rows])

    def _ranking(self, message: Message) -> Ranking:
        """Read the global ranking; the messages of a round share its bytes, so once a round."""
        record = next(iter(message.content.array_records.values()))
        held, ranking = self._state
        parts = [array.data for array in record.values()]
        if len(parts) != len(held) or any(a is not b for a, b in zip(parts, held, strict=True)):
            ranking = read_arrays(record)
            self._state = (parts, ranking)
        return ranking


def resident(run_config: Mapping[str, Any]) -> Resident:
    """Return this process's resident for a flat run configuration, built on first use."""
    return _resident(json.dumps(dict(run_config), sort_keys=True))


@lru_cache(maxsize=1)
def _resident(flat: str) -> Resident:
    return Resident(from_flat(json.loads(flat)))
