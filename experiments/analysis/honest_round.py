"""The honest votes of one round of a run, trained once more."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from flwr.app import ConfigRecord

from attacks.base import Setting
from experiments.config import Config
from experiments.config.tables import EngineConfig
from experiments.records import CHECKPOINT, RunDirectory
from experiments.records.checkpoints import State, checkpoint_of, rounds_kept
from experiments.setup.adversary import make_population, make_setting
from experiments.setup.channel import make_channel
from experiments.setup.engine import make_grid
from experiments.setup.resident import load_data, make_trainer
from experiments.setup.strategy import make_strategy
from frl.arrays import Arrays
from frl.errors import InputError
from frl.exchange.channel import Channel
from frl.exchange.messages import arrays_record
from frl.grids import LocalGrid, find_roster
from frl.ranking import Ranking
from frl.wire import Base
from strategies import Admitted, Gate, SeededStrategy


class HonestRound(NamedTuple):
    """What is known of a round without its malicious clients.

    Attributes
    ----------
    config : Config
        Of the run.
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
    channel : Channel
    setting : Setting
        What every client knows.
    server : callable
        Makes the run's strategy at the beginning of this round, from the number of malicious
        clients that the rule is told where the run tells it the true one.
    recorded : bool
        Whether these votes lead to the ranking in the run's checkpoint. ``False`` where there is
        none to compare with, or where malicious clients took part.
    """

    config: Config
    number: int
    clients: tuple[int, ...]
    malicious: tuple[int, ...]
    state: Ranking
    sent: Sequence[Arrays]
    rankings: Sequence[Ranking]
    channel: Channel
    setting: Setting
    server: Callable[[int], SeededStrategy]
    recorded: bool = False


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
    if config.strategy.name != "frl":
        raise InputError(f"{directory.path}: takes a run of strategy.name 'frl'")
    config = config.model_copy(update={"engine": EngineConfig(device=config.engine.device)})
    folder, rows = directory.path / CHECKPOINT, directory.rows()
    number = _choose(directory, len(rows), number)
    dataset = load_data(config)
    trainer = make_trainer(config, dataset)
    state = checkpoint_of(folder, number - 1).state if number > 1 else trainer.initial
    if {n: a.size for n, a in state.items()} != {n: a.size for n, a in trainer.initial.items()}:
        raise InputError(f"{folder}: the checkpoint is of another model than {config.model.name!r}")
    channel, population = make_channel(config, trainer), make_population(config)
    with make_grid(config) as grid:
        server = _server(config, channel, grid, number, state)
        strategy = server(config.strategy.f)
        malicious = population.among(number, strategy.sampled)
        sent = _hear(strategy, channel, grid, Base(number, state), malicious)
    row = rows[number - 1] if number <= len(rows) and not overrides else None
    if row is not None and row["sampled"] != list(strategy.sampled):
        raise InputError(f"{directory.path}: round {number} on record sampled other clients")
    if not sent:
        raise InputError(f"{directory.path}: no benign client voted in round {number}")
    found = HonestRound(
        config=config,
        number=number,
        clients=tuple(sorted(sent)),
        malicious=tuple(sorted(malicious)),
        state=state,
        sent=[sent[client] for client in sorted(sent)],
        rankings=[channel.restore(sent[client], Base(number, state)) for client in sorted(sent)],
        channel=channel,
        setting=dataclasses.replace(make_setting(config, dataset, trainer), round=number),
        server=server,
    )
    comparable = row is not None and not malicious and row["admitted"] == len(sent)
    if comparable and number in rounds_kept(folder):
        _compare(found, checkpoint_of(folder, number).state, directory)
        found = found._replace(recorded=True)
    return found


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


def _server(
    config: Config, channel: Channel, grid: LocalGrid, number: int, state: Ranking
) -> Callable[[int], SeededStrategy]:
    roster = find_roster(grid, config.clients)

    def begin(f: int) -> SeededStrategy:
        strategy = config.strategy
        if strategy.oracle_f:
            strategy = strategy.model_copy(update={"oracle_f": False, "f": f})
        begun = make_strategy(
            config.model_copy(update={"strategy": strategy}),
            population=make_population(config),
            roster=roster,
            channel=channel,
        )
        begun.configure_train(number, arrays_record(state), ConfigRecord(), grid)
        return begun

    return begin


def _hear(
    strategy: SeededStrategy,
    channel: Channel,
    grid: LocalGrid,
    base: Base,
    malicious: frozenset[int],
) -> dict[int, Arrays]:
    """Ask the benign clients of a round, and let the gate judge what they send."""
    messages = strategy.configure_train(base.round, arrays_record(base.state), ConfigRecord(), grid)
    asked = [
        (message, client)
        for message, client in zip(messages, strategy.sampled, strict=True)
        if client not in malicious
    ]
    gate = Gate(
        asked,
        strategy.check(base.state),
        strategy.read,
    )
    heard = {}
    for reply in grid.send_and_receive([message for message, _ in asked]):
        verdict = gate.judge(reply)
        if isinstance(verdict, Admitted):
            heard[verdict.client] = verdict.update
    return heard


def _compare(found: HonestRound, recorded: State, directory: RunDirectory) -> None:
    """Refuse votes that do not lead to the global ranking on record."""
    moved = found.channel.coarsened(found.server(0).preview(found.rankings))
    if any(not np.array_equal(moved[name], recorded[name]) for name in recorded):
        raise InputError(
            f"{directory.path}: the votes of round {found.number}, trained again, do not lead to "
            "the ranking on record; was the run made with other data or on another device?"
        )
