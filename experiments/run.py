"""One run, from configuration to result: the loop over rounds, its record and its checkpoint."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from flwr.app import ConfigRecord
from flwr.serverapp import Grid
from torch import Tensor

from experiments.config import Config, flatten
from experiments.records import Checkpoint, RunDirectory, State
from experiments.resident import load_data, load_partition, rank_trainer
from frl.data import DataSet, Split
from frl.errors import InputError
from frl.evaluation import Evaluation, evaluate
from frl.grids import InProcessGrid, LocalGrid, RayGrid
from frl.messages import arrays_record, digest, read_arrays
from frl.training import RankTrainer
from strategies import FRL, SeededStrategy

log = logging.getLogger(__name__)


class Row(NamedTuple):
    """What is recorded of a round; ``accuracy`` and ``loss`` are ``None`` between evaluations."""

    round: int
    accuracy: float | None
    loss: float | None
    train_loss: float
    sampled: list[int]
    admitted: int
    rejected: dict[str, int]
    rejections: list[tuple[int, str, str]]
    kept: str
    bytes_up: int
    bytes_down: int
    seconds: float
    train_seconds: float
    eval_seconds: float


Watcher = Callable[[Row], None]
"""Told of every round once it is recorded."""


@dataclass
class Progress:
    """What a result needs to know of the rounds so far."""

    best_accuracy: float = 0.0
    seconds: float = 0.0
    bytes_up: int = 0
    bytes_down: int = 0
    sampled: int = 0
    admitted: int = 0
    rejected: dict[str, int] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Count one more round."""
        self.best_accuracy = max(self.best_accuracy, row.accuracy or 0.0)
        self.seconds += row.seconds
        self.bytes_up += row.bytes_up
        self.bytes_down += row.bytes_down
        self.sampled += len(row.sampled)
        self.admitted += row.admitted
        for reason, number in row.rejected.items():
            self.rejected[reason] = self.rejected.get(reason, 0) + number


class Evaluator:
    """The server's model and test data.

    Parameters
    ----------
    dataset : DataSet
    trainer : RankTrainer
    """

    def __init__(self, dataset: DataSet, trainer: RankTrainer, device: str) -> None:
        self._data = dataset
        self._trainer = trainer
        self._device = device

    def __call__(self, state: State) -> Evaluation:
        """Evaluate a global ranking on the whole test split."""
        self._trainer.load(state)
        return evaluate(self._trainer.module, self._batch, len(self._data.test.labels))

    def _batch(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        inputs, labels = self._data.test
        return self._data.tensors(Split(inputs[start:stop], labels[start:stop]), self._device)


def make_grid(config: Config) -> LocalGrid:
    """Start the engine of a configuration."""
    from experiments.client_app import app

    engine, flat = config.engine, flatten(config)
    if engine.name == "ray":
        workers = engine.workers or len(os.sched_getaffinity(0))
        return RayGrid(
            app,
            config.clients,
            flat,
            workers=workers,
            num_gpus=engine.num_gpus,
            address=engine.address,
        )
    return InProcessGrid(app, config.clients, flat)


def make_strategy(config: Config) -> SeededStrategy:
    """Build the strategy of a configuration."""
    return FRL(clients=config.clients, clients_per_round=config.clients_per_round, seed=config.seed)


def execute(
    config: Config,
    directory: RunDirectory,
    *,
    grid: Grid | None = None,
    resume: bool = False,
    watch: Watcher | None = None,
) -> dict[str, Any]:
    """Run, or carry on, and return the result.

    Parameters
    ----------
    config : Config
    directory : RunDirectory
        Made already; everything is written there.
    grid : Grid, optional
        An engine; by default the one the configuration names, started and closed here.
    resume : bool
        Carry on from the checkpoint.
    watch : callable, optional
        Told of each round.
    """
    dataset = load_data(config)
    load_partition(config, dataset)
    trainer = rank_trainer(config, dataset)
    evaluator = Evaluator(dataset, trainer, config.engine.device)
    progress, first, state = Progress(), 1, trainer.initial_ranking
    if resume:
        checkpoint = directory.checkpoint()
        progress, first = Progress(**checkpoint.progress), checkpoint.round + 1
        state = {name: checkpoint.state[name] for name in state}
        directory.keep_rows(checkpoint.round)
    if grid is not None:
        return _loop(config, directory, grid, evaluator, state, progress, first, watch)
    with make_grid(config) as own:
        return _loop(config, directory, own, evaluator, state, progress, first, watch)


def _loop(
    config: Config,
    directory: RunDirectory,
    grid: Grid,
    evaluator: Evaluator,
    state: State,
    progress: Progress,
    first: int,
    watch: Watcher | None,
) -> dict[str, Any]:
    strategy = make_strategy(config)
    evaluation: Evaluation | None = None
    for number in range(first, config.rounds + 1):
        begun = time.perf_counter()
        arrays = arrays_record(state)
        messages = strategy.configure_train(number, arrays, ConfigRecord(), grid)
        replies = grid.send_and_receive(messages, timeout=config.engine.timeout)
        moved, _ = strategy.aggregate_train(number, replies)
        if moved is not None:
            state = read_arrays(moved)
        trained = time.perf_counter()
        evaluation = None
        if number % config.eval_every == 0 or number == config.rounds:
            evaluation = evaluator(state)
        row = _row(strategy, evaluation, trained - begun, time.perf_counter() - trained)
        progress.add(row)
        directory.append(row._asdict())
        directory.save(Checkpoint(number, state, vars(progress)))
        if watch is not None:
            watch(row)
    if evaluation is None:
        evaluation = evaluator(state)
    result = _result(config, evaluation, progress, state)
    directory.finish(result)
    return result


def _row(
    strategy: SeededStrategy, evaluation: Evaluation | None, seconds: float, eval_seconds: float
) -> Row:
    report = strategy.report
    if report is None:
        raise InputError("the strategy aggregated nothing")
    return Row(
        round=report.round,
        accuracy=evaluation.accuracy if evaluation else None,
        loss=evaluation.loss if evaluation else None,
        train_loss=report.loss,
        sampled=list(report.sampled),
        admitted=len(report.admitted),
        rejected=report.reasons,
        rejections=[(row.client, row.reason, row.detail[:200]) for row in report.rejected],
        kept=report.kept,
        bytes_up=report.bytes_up,
        bytes_down=report.bytes_down,
        seconds=round(seconds, 4),
        train_seconds=round(report.train_seconds, 4),
        eval_seconds=round(eval_seconds, 4),
    )


def _result(
    config: Config, evaluation: Evaluation, progress: Progress, state: State
) -> dict[str, Any]:
    return {
        "accuracy": evaluation.accuracy,
        "best_accuracy": max(progress.best_accuracy, evaluation.accuracy),
        "loss": evaluation.loss,
        "rounds": config.rounds,
        "seconds": round(progress.seconds, 3),
        "digest": digest(state),
        "bytes_up": round(progress.bytes_up / max(1, progress.admitted)),
        "bytes_down": round(progress.bytes_down / max(1, progress.sampled)),
        "admitted": progress.admitted,
        "rejected": dict(sorted(progress.rejected.items())),
        "attack_success_rate": None,
    }
