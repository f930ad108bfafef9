"""One run, from configuration to result: the loop over rounds, its record and its checkpoint."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from flwr.app import ConfigRecord
from flwr.serverapp import Grid
from numpy.typing import NDArray

from attacks.base import Attack
from attacks.grid import AdversarialGrid
from experiments.adversary import (
    check_fit,
    colluders_accuracy,
    hide_adversary,
    make_attack,
    make_population,
    make_setting,
)
from experiments.aggregation import make_strategy, server_update
from experiments.config import Config, flatten
from experiments.evaluator import Evaluator
from experiments.records import Checkpoint, RunDirectory, State
from experiments.resident import load_data, load_partition, make_trainer
from experiments.wiring import make_channel
from frl.errors import InputError
from frl.evaluation import Evaluation
from frl.grids import InProcessGrid, LocalGrid, RayGrid, find_roster
from frl.messages import arrays_record, digest, read_arrays
from strategies import SeededStrategy

log = logging.getLogger(__name__)


class Row(NamedTuple):
    """What is recorded of a round; ``accuracy`` and ``loss`` are ``None`` between evaluations."""

    round: int
    accuracy: float | None
    loss: float | None
    attack_success_rate: float | None
    train_loss: float
    sampled: list[int]
    admitted: int
    rejected: dict[str, int]
    rejections: list[tuple[int, str, str]]
    malicious: list[int]
    f: int | None
    kept: str
    bytes_up: int
    bytes_down: int
    coded_up: float | None
    coded_down: float | None
    coded_layers: dict[str, int] | None
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
    measured: int = 0
    coded_up: float = 0.0
    coded_down: float = 0.0

    def add(self, row: Row) -> None:
        """Count one more round."""
        self.best_accuracy = max(self.best_accuracy, row.accuracy or 0.0)
        self.seconds += row.seconds
        self.bytes_up += row.bytes_up
        self.bytes_down += row.bytes_down
        self.sampled += len(row.sampled)
        self.admitted += row.admitted
        if row.coded_up is not None and row.coded_down is not None:
            self.measured += 1
            self.coded_up += row.coded_up
            self.coded_down += row.coded_down
        for reason, number in row.rejected.items():
            self.rejected[reason] = self.rejected.get(reason, 0) + number


class Memory:
    """What a run remembers besides the global state: its strategy, its attack, its clients.

    Parameters
    ----------
    strategy : SeededStrategy
    grid : Grid
        With or without an adversary in front.
    """

    def __init__(self, strategy: SeededStrategy, grid: Grid) -> None:
        self._strategy = strategy
        self._adversary = grid if isinstance(grid, AdversarialGrid) else None
        engine = grid.wrapped if isinstance(grid, AdversarialGrid) else grid
        self._engine = engine if isinstance(engine, LocalGrid) else None

    def everything(self) -> State:
        """Return it as arrays, for a checkpoint."""
        parts = {"strategy": self._strategy.memory}
        if self._adversary is not None:
            parts["attack"] = self._adversary.state
        if self._engine is not None:
            parts["client"] = self._engine.client_memory
        return {f"{part}/{key}": a for part, held in parts.items() for key, a in held.items()}

    def recall(self, memory: Mapping[str, NDArray[Any]]) -> None:
        """Put it back."""
        parts: dict[str, State] = {"strategy": {}, "attack": {}, "client": {}}
        for name, array in memory.items():
            part, _, key = name.partition("/")
            parts[part][key] = array
        self._strategy.memory = parts["strategy"]
        if self._adversary is not None:
            self._adversary.state = parts["attack"]
        if self._engine is not None:
            self._engine.client_memory = parts["client"]


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
        Made here once everything that can be checked was checked; everything is written there.
    grid : Grid, optional
        An engine; by default the one the configuration names, started and closed here.
    resume : bool
        Carry on from the checkpoint.
    watch : callable, optional
        Told of each round.

    Raises
    ------
    InputError
        If the configuration asks for what cannot be done; nothing is written then.
    """
    if not resume:
        directory.refuse_existing()
    attack, population = make_attack(config), make_population(config)
    make_strategy(config, population=population, root=_no_root)
    dataset = load_data(config)
    check_fit(attack, dataset)
    partition = load_partition(config, dataset)
    trainer = make_trainer(config, dataset)
    evaluator = Evaluator(dataset, trainer, config.engine.device)
    start = Checkpoint(0, trainer.initial, vars(Progress()), {})
    with nullcontext(grid) if grid is not None else make_grid(config) as engine:
        roster = find_roster(engine, config.clients)
        root = server_update(config, dataset, trainer)
        channel = make_channel(config, trainer, deployed=grid is not None)
        strategy = make_strategy(
            config, population=population, roster=roster, root=root, channel=channel
        )
        if attack is not None:
            engine = hide_adversary(
                engine,
                attack,
                population,
                config=config,
                setting=make_setting(config, dataset, trainer),
                strategy=strategy,
                channel=channel,
                roster=roster,
                accuracy=colluders_accuracy(attack, population, dataset, partition, evaluator),
            )
        memory = Memory(strategy, engine)
        if resume:
            start = directory.checkpoint()
            directory.keep_rows(start.round)
            memory.recall(start.memory)
        else:
            directory.create(config)
        return _rounds(config, directory, engine, strategy, evaluator, attack, memory, start, watch)


def _no_root(round: int, state: State) -> State:
    """Stand in for the server's update where a strategy is made only to be checked."""
    raise InputError("there is no server update yet")


def _rounds(
    config: Config,
    directory: RunDirectory,
    grid: Grid,
    strategy: SeededStrategy,
    evaluator: Evaluator,
    attack: Attack | None,
    memory: Memory,
    start: Checkpoint,
    watch: Watcher | None,
) -> dict[str, Any]:
    state, progress = start.state, Progress(**start.progress)
    evaluation: Evaluation | None = None
    success: float | None = None
    for number in range(start.round + 1, config.rounds + 1):
        begun = time.perf_counter()
        evaluated = number % config.eval_every == 0 or number == config.rounds
        strategy.measure = evaluated
        arrays = arrays_record(state)
        messages = strategy.configure_train(number, arrays, ConfigRecord(), grid)
        replies = grid.send_and_receive(messages, timeout=config.engine.timeout)
        moved, _ = strategy.aggregate_train(number, replies)
        if moved is not None:
            state = read_arrays(moved)
        trained = time.perf_counter()
        evaluation = success = None
        if evaluated:
            evaluation, success = evaluator(state), evaluator.attack_success(state, attack)
        row = _row(
            strategy,
            evaluation,
            success,
            getattr(grid, "malicious", ()),
            trained - begun,
            time.perf_counter() - trained,
        )
        progress.add(row)
        directory.append(row._asdict())
        directory.save(Checkpoint(number, state, vars(progress), memory.everything()))
        if watch is not None:
            watch(row)
    if evaluation is None:
        evaluation, success = evaluator(state), evaluator.attack_success(state, attack)
    result = _result(config, evaluation, success, progress, state)
    directory.finish(result)
    return result


def _row(
    strategy: SeededStrategy,
    evaluation: Evaluation | None,
    success: float | None,
    malicious: Sequence[int],
    seconds: float,
    eval_seconds: float,
) -> Row:
    report = strategy.report
    if report is None:
        raise InputError("the strategy aggregated nothing")
    return Row(
        round=report.round,
        accuracy=evaluation.accuracy if evaluation else None,
        loss=evaluation.loss if evaluation else None,
        attack_success_rate=success,
        train_loss=report.loss,
        sampled=list(report.sampled),
        admitted=len(report.admitted),
        rejected=report.reasons,
        rejections=[(row.client, row.reason, row.detail[:200]) for row in report.rejected],
        malicious=list(malicious),
        f=strategy.assumed_f,
        kept=report.kept,
        bytes_up=report.bytes_up,
        bytes_down=report.bytes_down,
        coded_up=report.coded.up if report.coded else None,
        coded_down=report.coded.down if report.coded else None,
        coded_layers=report.coded.layers if report.coded else None,
        seconds=round(seconds, 4),
        train_seconds=round(report.train_seconds, 4),
        eval_seconds=round(eval_seconds, 4),
    )


def _result(
    config: Config, evaluation: Evaluation, success: float | None, progress: Progress, state: State
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
        "coded_up": round(progress.coded_up / max(1, progress.measured)),
        "coded_down": round(progress.coded_down / max(1, progress.measured)),
        "admitted": progress.admitted,
        "rejected": dict(sorted(progress.rejected.items())),
        "attack_success_rate": success,
    }
