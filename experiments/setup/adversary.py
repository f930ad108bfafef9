"""The adversary of a run: who is malicious, what the attack is, and the grid that hides it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from flwr.serverapp import Grid
from numpy.typing import NDArray

import attacks
from attacks.adversary.channel_codec import ChannelCodec
from attacks.adversary.grid import AdversarialGrid
from attacks.adversary.population import Population, malicious_clients
from attacks.base import Attack, Backdoor, Knowledge, Setting, Update
from experiments.config import Config
from experiments.setup.evaluator import Evaluator
from frl.data import DataSet, Partition, Split
from frl.errors import InputError
from frl.exchange.channel import Channel
from frl.grids import Roster
from frl.registry.call_syntax import parse_call
from frl.training.ranks import RankTrainer, Trainer
from strategies import SeededStrategy

_MOST_OWN_EXAMPLES = 1000


def make_attack(config: Config) -> Attack | None:
    """Build the attack of a configuration; ``None`` for none.

    Raises
    ------
    InputError
        If it is unknown, takes other parameters, or is made for another kind of update.
    """
    call = parse_call("attack.name", config.attack.name, "one attack, or none")
    name, params = call.name, {**call.params, **config.attack.parameters()}
    if name == "none":
        if params:
            raise InputError(f"attack.{next(iter(params))}: there is no attack to take it")
        return None
    attack = attacks.make(name, **params)
    space = config.strategy.method.space
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


def check_attackers(config: Config, attack: Attack | None, population: Population) -> None:
    """Refuse an attack without attackers, and attackers without an attack.

    Raises
    ------
    InputError
        If there is one without the other.
    """
    share = config.attack.fraction
    if attack is None:
        if share:
            raise InputError(
                f"attack.fraction: got {share} with attack.name 'none'; takes 0, or an attack"
            )
    elif not population.count:
        fixed = config.attack.sampling == "uniform"
        of = f"{config.clients} clients" if fixed else f"{config.clients_per_round} clients a round"
        raise InputError(
            f"attack.fraction: {share} of {of} is 0 malicious clients to attack by "
            f"{config.attack.name!r}; takes a larger share, or attack.name 'none'"
        )
    elif config.attack.start > config.rounds:
        raise InputError(
            f"attack.start: got {config.attack.start} with {config.rounds} rounds, so nobody "
            f"attacks; takes 1 to {config.rounds}, or attack.name 'none'"
        )


def make_population(config: Config) -> Population:
    """Draw the malicious clients of a configuration."""
    return malicious_clients(
        config.seed,
        config.clients,
        config.attack.fraction if config.attack.name != "none" else 0.0,
        config.attack.sampling,
        config.clients_per_round,
        start=config.attack.start,
        every=config.attack.every,
    )


def count_malicious(
    attack: Attack | None, population: Population, members: NDArray[np.int64] | None
) -> int:
    """Count malicious clients: of all, of a group's members, or of a round if drawn anew."""
    if attack is None:
        return 0
    return population.count if members is None else len(population.among(0, members.tolist()))


def make_setting(config: Config, dataset: DataSet, trainer: Trainer) -> Setting:
    """Say what every client of a run knows."""
    return Setting(
        seed=config.seed,
        round=0,
        clients_per_round=config.clients_per_round,
        classes=dataset.classes,
        keep=config.strategy.keep,
        mask_by=config.strategy.mask_by,
        coats=config.strategy.coats,
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
        ChannelCodec(channel, roster=roster, check=strategy.check),
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
