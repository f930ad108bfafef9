"""The honest votes of one round of a run, trained once more."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from flwr.app import ConfigRecord, Message

from attacks.adversary.population import Population
from attacks.base import Setting
from experiments.analysis.ranks_only import require_ranks
from experiments.config import Config
from experiments.config.tables import EngineConfig
from experiments.records import CHECKPOINT, RunDirectory, meaningless
from experiments.records.checkpoints import Checkpoint, checkpoint_of, rounds_kept
from experiments.rounds.memory import part_of
from experiments.rounds.one_round import run_round
from experiments.setup import Setup
from frl.arrays import Arrays
from frl.errors import InputError
from frl.exchange.messages import arrays_record, read_answer, read_task
from frl.grids import LocalGrid
from frl.ranking import Ranking
from frl.wire import Base
from strategies import SeededStrategy


class HonestRound(NamedTuple):
    """A round of a run without its malicious clients.

    Attributes
    ----------
    setup : Setup
        The parts of the run.
    number : int
        Of the round.
    clients, malicious : tuple of int
        Clients that were sampled: the benign ones whose votes were admitted, and the malicious
        ones, whose votes are not here; ascending.
    state : mapping of layer name to int32 positions
        The global ranking that the round began with.
    sent : list of mapping of layer name to array
        What each benign client sent.
    rankings : list of mapping of layer name to int32 positions
        The full rankings that this stands for.
    setting : Setting
        What every client knows in this round.
    server : callable
        Makes the run's strategy at the beginning of this round, from the number of malicious
        clients that the rule is told where the run tells it the true one.
    recorded : bool
        Whether these votes lead to the ranking in the run's checkpoint. ``False`` where there is
        none to compare with, or where malicious clients took part.
    """

    setup: Setup
    number: int
    clients: tuple[int, ...]
    malicious: tuple[int, ...]
    state: Ranking
    sent: Sequence[Arrays]
    rankings: Sequence[Ranking]
    setting: Setting
    server: Callable[[int], SeededStrategy]
    recorded: bool = False

    @property
    def config(self) -> Config:
        """Of the run."""
        return self.setup.config


def repeat_round(
    directory: RunDirectory, number: int | None = None, overrides: Sequence[str] = ()
) -> HonestRound:
    """Train the benign clients of a round once more, in this process.

    Parameters
    ----------
    directory : RunDirectory
    number : int, optional
        Which round: 1, or one after a round that has a checkpoint. By default the last one on
        record whose beginning is kept, or the one that would come next.
    overrides : sequence of str
        ``key=value`` settings in place of the run's; the votes are then not compared with the
        record.

    Raises
    ------
    InputError
        If the round's beginning is not kept, if the run is not one by ranks, or if the votes do
        not lead to what the run recorded.
    """
    config = directory.config(overrides)
    require_ranks(config, f"{directory.path}")
    if why := meaningless(directory):
        raise InputError(f"{directory.path} means nothing: {why}")
    setup = Setup(config.model_copy(update={"engine": EngineConfig(device=config.engine.device)}))
    folder, rows = directory.path / CHECKPOINT, directory.rows()
    number = _choose(directory, len(rows), number)
    initial = setup.trainer.initial
    begun = checkpoint_of(folder, number - 1) if number > 1 else None
    state = begun.state if begun else initial
    if not any(key.startswith("data.") for key in overrides):
        directory.refuse_other_data(setup.data.fingerprint)
    if {n: a.size for n, a in state.items()} != {n: a.size for n, a in initial.items()}:
        raise InputError(f"{folder}: the checkpoint is of another model than {config.model.name!r}")
    remembered = _remembered(directory, config, begun)
    with setup.start_engine() as grid:

        def remembering(f: int) -> SeededStrategy:
            strategy = setup.strategy(grid, f=f)
            strategy.memory = remembered
            return strategy

        benign = _Benign(grid, setup.population, number)
        strategy = remembering(0)
        if begun and setup.channel.carries:
            strategy.carry.memory = part_of(begun.memory, "carry")
        after = run_round(strategy, number, state, grid, benign.send)
        server = _server(remembering, grid, number, state)
    assert strategy.report is not None
    sampled, voters = strategy.report.sampled, strategy.report.admitted
    row = rows[number - 1] if number <= len(rows) and not overrides else None
    if row is not None and row["sampled"] != list(sampled):
        raise InputError(f"{directory.path}: round {number} on record sampled other clients")
    if not voters:
        raise InputError(f"{directory.path}: no benign client voted in round {number}")
    answers = {client: read_answer(benign.replies[grid.node_of(client)]) for client in voters}
    sent = [strategy.read(answers[client].record, client).update for client in voters]
    comparable = row is not None and not benign.malicious and row["admitted"] == len(sent)
    recorded = comparable and number in rounds_kept(folder)
    if recorded:
        _compare(after, checkpoint_of(folder, number).state, number, directory)
    return HonestRound(
        setup=setup,
        number=number,
        clients=voters,
        malicious=tuple(sorted(benign.malicious)),
        state=state,
        sent=sent,
        rankings=[setup.channel.restore(update, Base(number, state)) for update in sent],
        setting=dataclasses.replace(setup.setting, round=number),
        server=server,
        recorded=recorded,
    )


class _Benign:
    """Sends the messages of a round to its benign clients alone, and keeps their replies.

    Parameters
    ----------
    grid : LocalGrid
    population : Population
    number : int
        Of the round.

    Attributes
    ----------
    malicious : frozenset of int
        Clients that were left out.
    replies : dict of node id to Message
    """

    def __init__(self, grid: LocalGrid, population: Population, number: int) -> None:
        self._grid = grid
        self._population = population
        self._round = number
        self.malicious: frozenset[int] = frozenset()
        self.replies: dict[int, Message] = {}

    def send(self, messages: list[Message]) -> Iterator[Message]:
        """Yield the replies as they come."""
        clients = [read_task(message).client for message in messages]
        self.malicious = self._population.attackers(self._round, clients)
        benign = [
            message
            for message, client in zip(messages, clients, strict=True)
            if client not in self.malicious
        ]
        for reply in self._grid.send_and_receive(benign):
            self.replies[reply.metadata.src_node_id] = reply
            yield reply


def _choose(directory: RunDirectory, recorded: int, number: int | None) -> int:
    possible = sorted({1, *(kept + 1 for kept in rounds_kept(directory.path / CHECKPOINT))})
    if number is None:
        return max((round for round in possible if 1 < round <= recorded), default=possible[-1])
    if number not in possible:
        raise InputError(
            f"--round: got {number}; {directory.path} keeps the beginning of rounds "
            f"{', '.join(map(str, possible))}"
        )
    return number


def _remembered(directory: RunDirectory, config: Config, begun: Checkpoint | None) -> Arrays:
    """Return what the rule remembered as the round began; nothing for a rule not the run's."""
    own, asked = directory.config().strategy, config.strategy
    same = own.rule == asked.rule and own.parameters() == asked.parameters()
    return part_of(begun.memory, "strategy") if begun and same else {}


def _server(
    remembering: Callable[[int], SeededStrategy], grid: LocalGrid, number: int, state: Ranking
) -> Callable[[int], SeededStrategy]:
    def begin(f: int) -> SeededStrategy:
        strategy = remembering(f)
        strategy.configure_train(number, arrays_record(state), ConfigRecord(), grid)
        return strategy

    return begin


def _compare(after: Arrays, recorded: Arrays, number: int, directory: RunDirectory) -> None:
    """Refuse votes that do not lead to the global ranking on record."""
    if any(not np.array_equal(after[name], recorded[name]) for name in recorded):
        raise InputError(
            f"{directory.path}: the votes of round {number}, trained again, do not lead to "
            "the ranking on record; was the run made with other data or on another device?"
        )
