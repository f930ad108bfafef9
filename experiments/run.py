"""One run, from configuration to result: the loop over rounds, its record and its checkpoint."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from flwr.app import ConfigRecord
from flwr.serverapp import Grid

from attacks.base import Attack
from experiments.adversary import (
    check_fit,
    colluders_accuracy,
    hide_adversary,
    make_attack,
    make_population,
    make_setting,
)
from experiments.aggregation import make_strategy, server_update
from experiments.checkpoints import Checkpoint, State
from experiments.config import Config
from experiments.engines import make_grid
from experiments.evaluator import Evaluator
from experiments.memory import Memory
from experiments.records import RunDirectory
from experiments.resident import load_data, load_partition, make_trainer
from experiments.rounds import Progress, Row, Watcher
from experiments.vote_record import VoteRecorder
from experiments.wiring import make_channel
from frl.data import DataSet, terms_of, terms_record
from frl.errors import InputError, StoppedError
from frl.evaluation import Evaluation
from frl.grids import LocalGrid, find_roster
from frl.messages import arrays_record, digest, read_arrays
from frl.training import Trainer
from strategies import SeededStrategy

FAILURES = ("error", "late", "offline")
"""Reasons of rejection that say a client failed, not that it sent something wrong."""


class Patience:
    """Stops a run in which clients only fail.

    A round with an admitted reply starts the count anew, so malicious clients cannot stop a run
    that honest ones take part in.

    Parameters
    ----------
    most : int
        Failures that are too many; 0 for no limit.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._failures = 0

    def check(self, row: Row) -> None:
        """Count the failures of a round: replies that are errors or did not come.

        Raises
        ------
        StoppedError
            If there were too many since the last good reply.
        """
        failed = [detail for _, reason, detail in row.rejections if reason in FAILURES]
        self._failures = 0 if row.admitted else self._failures + len(failed)
        if failed and 0 < self._most <= self._failures:
            raise StoppedError(
                f"{self._failures} client failures without a good reply up to round {row.round} "
                f"(engine.max_failures = {self._most}), the last: {failed[-1]}"
            )


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
        Carry on from the last checkpoint, or from the beginning before the first.
    watch : callable, optional
        Told of each round.

    Raises
    ------
    InputError
        If the configuration asks for what cannot be done; nothing is written then.
    StoppedError
        If it cannot be recorded any more, or clients keep failing.
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
    with ExitStack() as held:
        if resume:
            held.enter_context(directory.locked())
            start = directory.checkpoint() or start
        engine: Grid = grid if grid is not None else held.enter_context(make_grid(config))
        settings = config.engine
        roster = find_roster(
            engine, config.clients, least=settings.nodes, patience=settings.timeout
        )
        root = server_update(config, dataset, trainer)
        channel = make_channel(config, trainer, deployed=not isinstance(engine, LocalGrid))
        strategy = make_strategy(
            config,
            population=population,
            roster=roster,
            root=root,
            channel=channel,
            terms=None if isinstance(engine, LocalGrid) else terms_record(terms_of(dataset)),
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
            directory.keep_rows(start.round)
            memory.recall(start.memory)
        else:
            held.enter_context(directory.create(config))
        describe = _recorder(config, dataset, trainer, strategy)
        return _rounds(
            config, directory, engine, strategy, evaluator, attack, memory, start, watch, describe
        )


def _recorder(
    config: Config, dataset: DataSet, trainer: Trainer, strategy: SeededStrategy
) -> VoteRecorder | None:
    if config.strategy.name != "frl":
        return None
    layers = {name: ranks.size for name, ranks in trainer.initial.items()}
    return VoteRecorder(make_setting(config, dataset, trainer), strategy.form, layers)


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
    describe: VoteRecorder | None,
) -> dict[str, Any]:
    state, progress = start.state, Progress(**start.progress)
    evaluation: Evaluation | None = None
    success: float | None = None
    hopeless = Patience(config.engine.max_failures)
    for number in range(start.round + 1, config.rounds + 1):
        begun = time.perf_counter()
        evaluated = number % config.eval_every == 0 or number == config.rounds
        strategy.measure = evaluated
        arrays = arrays_record(state)
        messages = strategy.configure_train(number, arrays, ConfigRecord(), grid)
        replies = grid.send_and_receive(messages, timeout=config.engine.timeout)
        moved, _ = strategy.aggregate_train(number, replies)
        before, state = state, state if moved is None else read_arrays(moved)
        last = number == config.rounds
        about = describe(before, state, strategy.vote, full=last) if describe else None
        strategy.vote = None
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
        row = row._replace(**about._asdict()) if about else row
        progress.add(row)
        directory.append(row._asdict())
        if number % config.checkpoint_every == 0 or number == config.rounds:
            directory.save(Checkpoint(number, state, vars(progress), memory.everything()))
        if watch is not None:
            watch(row)
        hopeless.check(row)
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
        weights=[(row.client, round(row.weight, 4), row.reason) for row in report.counted] or None,
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
