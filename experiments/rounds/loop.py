"""One run, from its parts to its result: the loop over rounds, its record and its checkpoint."""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from typing import Any

from flwr.serverapp import Grid

from experiments.config import Config
from experiments.records import RunDirectory
from experiments.records.checkpoints import Checkpoint
from experiments.records.result_file import ERROR
from experiments.rounds.meaning import MeaninglessError, why_meaningless
from experiments.rounds.memory import Memory
from experiments.rounds.one_round import run_round
from experiments.rounds.outcome import Measured, result_of, row_of
from experiments.rounds.patience import Patience
from experiments.rounds.provenance import made_by
from experiments.rounds.resuming import carried_on, identity_of
from experiments.rounds.row import Progress, Row, Watcher
from experiments.rounds.vote_record import VoteRecorder
from experiments.setup import Setup
from frl.arrays import Arrays
from frl.grids import LocalGrid, find_roster
from strategies import SeededStrategy


def execute(
    run: Config | Setup,
    directory: RunDirectory,
    *,
    grid: Grid | None = None,
    resume: bool = False,
    watch: Watcher | None = None,
) -> dict[str, Any]:
    """Run, or carry on, and return the result.

    Parameters
    ----------
    run : Config or Setup
        What to run: a configuration, or parts already put together.
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
        If it cannot be recorded any more, clients keep failing, or the run means nothing.
    """
    deployed = grid is not None and not isinstance(grid, LocalGrid)
    setup = run if isinstance(run, Setup) else Setup(run, deployed=deployed)
    if not resume:
        directory.refuse_existing()
    setup.check()
    setup.check_data()
    start = Checkpoint(0, setup.trainer.initial, vars(Progress()), {})
    with ExitStack() as held:
        if resume:
            held.enter_context(directory.locked())
            start = carried_on(setup, directory, directory.checkpoint() or start)
        engine: Grid = grid if grid is not None else held.enter_context(setup.start_engine())
        settings = setup.config.engine
        roster = find_roster(
            engine, setup.config.clients, least=settings.nodes, patience=settings.timeout
        )
        strategy = setup.strategy(roster)
        engine = setup.hide_adversary(engine, strategy, roster)
        loop = Loop(setup, directory, engine, strategy, watch)
        if resume:
            directory.keep_rows(start)
            loop.memory.recall(start.memory)
        else:
            held.enter_context(directory.create(setup.recorded, identity_of(setup)))
        return loop.run(start)


class Loop:
    """The rounds of a run.

    Parameters
    ----------
    setup : Setup
    directory : RunDirectory
        Where each round is recorded.
    grid : Grid
        With or without an adversary in front.
    strategy : SeededStrategy
    watch : callable or None
        Told of each round.

    Attributes
    ----------
    memory : Memory
        What goes into a checkpoint besides the global state.
    """

    def __init__(
        self,
        setup: Setup,
        directory: RunDirectory,
        grid: Grid,
        strategy: SeededStrategy,
        watch: Watcher | None,
    ) -> None:
        self.memory = Memory(strategy, grid)
        self._setup = setup
        self._directory = directory
        self._grid = grid
        self._strategy = strategy
        self._watch = watch
        self._send = partial(grid.send_and_receive, timeout=setup.config.engine.timeout)
        self._describe = _recorder(setup, strategy)

    def run(self, start: Checkpoint) -> dict[str, Any]:
        """Play the rounds after a checkpoint, and return the result."""
        config, state = self._setup.config, start.state
        progress, patience = Progress(**start.progress), Patience(config.engine.max_failures)
        measured: Measured | None = None
        for number in range(start.round + 1, config.rounds + 1):
            state, measured, row = self._run_round(number, state)
            progress.add(row)
            self._directory.append(row._asdict())
            if number % config.checkpoint_every == 0 or number == config.rounds:
                memory = self.memory.everything()
                self._directory.save(Checkpoint(number, state, vars(progress), memory))
            if self._watch is not None:
                self._watch(row)
            patience.check(row)
        result = result_of(config.rounds, measured or self._measure(state), progress, state)
        result |= {
            "malicious": self._setup.malicious,
            "attacked_rounds": progress.attacked,
            "made_by": made_by(config),
        }
        why = why_meaningless(result)
        self._directory.finish({**result, ERROR: why} if why else result)
        if why:
            raise MeaninglessError(f"{self._directory.path}: {why}")
        return result

    def _run_round(self, number: int, state: Arrays) -> tuple[Arrays, Measured | None, Row]:
        """Play, measure and describe a round."""
        strategy, begun = self._strategy, time.perf_counter()
        moved = run_round(strategy, number, state, self._grid, self._send)
        last = number == self._setup.config.rounds
        described = self._describe and self._describe(state, moved, strategy.vote, full=last)
        trained = time.perf_counter()
        measured = self._measure(moved) if self._setup.evaluates(number) else None
        row = row_of(
            strategy,
            measured,
            malicious=getattr(self._grid, "malicious", ()),
            seconds=trained - begun,
            eval_seconds=time.perf_counter() - trained,
        )
        return moved, measured, row._replace(**described._asdict()) if described else row

    def _measure(self, state: Arrays) -> Measured:
        evaluator = self._setup.evaluator
        return Measured(evaluator(state), evaluator.attack_success(state, self._setup.attack))


def _recorder(setup: Setup, strategy: SeededStrategy) -> VoteRecorder | None:
    """Describe votes on rankings."""
    if setup.config.strategy.method.space != "ranks":
        return None
    layers = {name: ranks.size for name, ranks in setup.trainer.initial.items()}
    return VoteRecorder(setup.setting, strategy.form, layers)
