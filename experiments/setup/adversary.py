"""The adversary of a run: who is malicious, what the attack is, and the grid that hides it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import cast

import numpy as np
from flwr.app import ArrayRecord, Context, Message, MessageType, RecordDict
from flwr.serverapp import Grid

import attacks
from attacks.adversary.grid import AdversarialGrid
from attacks.adversary.population import Population, malicious_clients
from attacks.base import Attack, Backdoor, Knowledge, Setting, Update
from experiments.config import Config
from experiments.rounds.evaluator import Evaluator
from experiments.setup.node import resident_for
from frl.call_syntax import parse_calls
from frl.data import DataSet, Partition, Split
from frl.errors import InputError
from frl.exchange.channel import Channel, is_coded
from frl.exchange.messages import (
    ARRAYS,
    read_answer,
    read_task,
    read_terms,
    train_content,
)
from frl.exchange.state_reader import StateReader
from frl.grids import Roster
from frl.training import RankTrainer, Trainer
from frl.wire import Base
from strategies import SeededStrategy
from strategies.gate import Check

_MOST_OWN_EXAMPLES = 1000
SPACES = {"frl": "ranks", "fedavg": "weights"}


def make_attack(config: Config) -> Attack | None:
    """Build the attack of a configuration; ``None`` for none.

    Raises
    ------
    InputError
        If it is unknown, takes other parameters, or is made for another kind of update.
    """
    calls = parse_calls("attack.name", config.attack.name)
    if len(calls) != 1:
        raise InputError(f"attack.name: got {config.attack.name!r}; takes one attack, or none")
    name, params = calls[0].name, {**calls[0].params, **config.attack.parameters()}
    if name == "none":
        if params:
            raise InputError(f"attack.{next(iter(params))}: there is no attack to take it")
        return None
    attack = attacks.make(name, **params)
    space = SPACES[config.strategy.name]
    if attack.space not in (space, "data"):
        raise InputError(
            f"attack.name: {name!r} is an attack on {attack.space}; "
            f"strategy.name {config.strategy.name!r} takes one on {space} or on data"
        )
    return attack


def check_fit(attack: Attack | None, dataset: DataSet) -> None:
    """Refuse a backdoor whose trigger or target does not fit the data.

    Raises
    ------
    InputError
        If it does not.
    """
    if isinstance(attack, Backdoor):
        attack.stamp(np.asarray(dataset.test.inputs[:1]))
        if attack.target >= dataset.classes:
            raise InputError(
                f"attack.target: got {attack.target}; the data have classes 0 to "
                f"{dataset.classes - 1}"
            )


def make_population(config: Config) -> Population:
    """Draw the malicious clients of a configuration."""
    return malicious_clients(
        config.seed,
        config.clients,
        config.attack.fraction if config.attack.name != "none" else 0.0,
        config.attack.sampling,
        config.clients_per_round,
    )


def make_setting(config: Config, dataset: DataSet, trainer: Trainer) -> Setting:
    """Say what every client of a run knows."""
    return Setting(
        seed=config.seed,
        round=0,
        clients_per_round=config.clients_per_round,
        classes=dataset.classes,
        keep=config.strategy.keep,
        mask_by=config.strategy.mask_by,
        sorted_scores=trainer.sorted_scores if isinstance(trainer, RankTrainer) else {},
    )


def hide_adversary(
    grid: Grid,
    attack: Attack,
    population: Population,
    *,
    config: Config,
    setting: Setting,
    strategy: SeededStrategy,
    channel: Channel,
    roster: Roster,
    accuracy: Callable[[Update], float] | None,
) -> AdversarialGrid:
    """Wrap an engine so that its malicious clients attack."""
    return AdversarialGrid(
        grid,
        attack,
        population,
        RunCodec(channel, roster=roster, check=strategy.check),
        setting,
        colluders=config.attack.colluders,
        rule=strategy.preview,
        accuracy=accuracy,
    )


def colluders_accuracy(
    attack: Attack,
    population: Population,
    dataset: DataSet,
    partition: Partition,
    evaluator: Evaluator,
) -> Callable[[Update], float] | None:
    """Return the accuracy of a global state on the colluders' own data, if the attack needs it.

    Raises
    ------
    InputError
        If it does, and the malicious clients change every round and so own nothing.
    """
    if Knowledge.ACCURACY not in attack.needs():
        return None
    if population.members is None:
        raise InputError(
            "attack.sampling: this attack measures accuracy on its clients' own data; "
            "takes 'uniform'"
        )
    rows = np.empty(0, dtype=np.int64)
    for client in population.members:
        if len(rows) >= _MOST_OWN_EXAMPLES:
            break
        rows = np.concatenate([rows, partition.of(int(client))])
    rows = np.sort(rows[:_MOST_OWN_EXAMPLES])
    own = Split(dataset.train.inputs[rows], dataset.train.labels[rows])
    return lambda state: evaluator.on(state, own).accuracy


class RunCodec:
    """Reads and rewrites the messages of a run for an adversary.

    An attack sees and makes full rankings: of a ballot it reads one that has this ballot, with the
    order of the global ranking within a bucket, and what it makes is rounded like any other.

    Parameters
    ----------
    channel : Channel
    roster : Roster, optional
        Needed to ask clients that the strategy did not ask.
    read_state : callable, optional
        How a client of its own reads the global state of a request.
    check : callable, optional
        What the server admits, given the global state; by default the reply is one of our own.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        roster: Roster | None = None,
        read_state: Callable[[Message], Base] | None = None,
        check: Callable[[Update], Check] | None = None,
    ) -> None:
        self._channel = channel
        self._check = check
        self._roster = roster
        self._base = read_state or StateReader(channel)

    def client_of(self, request: Message) -> int:
        """Client id that a request is for."""
        return read_task(request).client

    def round_of(self, request: Message) -> int:
        """Round that a request belongs to."""
        return read_task(request).round

    def state_of(self, request: Message) -> Update:
        """Global state in a request."""
        return self._base(request).ranking

    def read_update(self, reply: Message, request: Message) -> Update:
        """Client's update in a reply."""
        base, record = self._base(request), read_answer(reply).record
        task, coded = read_task(request), is_coded(request)
        sent = self._channel.read_update(record, base, task, coded=coded)
        if self._check is not None:
            self._check(base.ranking)(sent)
        return self._channel.full(sent, base)

    def with_update(self, reply: Message, request: Message, update: Update) -> Message:
        """Return a copy of a reply with another update."""
        other = copy.copy(reply)
        base, task = self._base(request), read_task(request)
        record = self._channel.send_update(update, base, task, coded=is_coded(request))
        other.content = RecordDict({**reply.content, ARRAYS: record})
        return other

    def for_client(self, request: Message, client: int) -> Message | None:
        """Return the same request as a new message to another client, ``None`` if it is away."""
        if self._roster is None:
            raise InputError("attack.colluders: 'all' needs to know the nodes of the clients")
        node = self._roster.nodes_of([client]).get(client)
        if node is None:
            return None
        task = read_task(request)._replace(client=client)
        return Message(
            train_content(_record(request), task, read_terms(request)),
            node,
            MessageType.TRAIN,
            group_id=request.metadata.group_id,
        )


def _record(request: Message) -> ArrayRecord:
    return cast(ArrayRecord, request.content[ARRAYS])


def setting_of(message: Message, context: Context) -> Setting:
    """Return what a client knows of its run, for the mod that lets it attack."""
    here = resident_for(message, context)
    return make_setting(here.config, here.data, here.trainer)
