"""The strategy of a run, from its configuration: rule, pre-aggregation and root data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.adversary.population import Population
from experiments.config import Config
from experiments.setup.channel import make_form
from frl.arrays import Arrays
from frl.data import DataSet, Split
from frl.errors import InputError
from frl.exchange.forms import Bits, BlockSamples
from frl.one_thread import one_thread
from frl.randomness import Purpose, generator
from frl.registry import Registry
from frl.registry.call_syntax import Call, parse_call, parse_calls
from frl.task import Task
from frl.training.ranks import Shard, Trainer
from strategies import pre_aggregation, rules
from strategies.base import Redraw
from strategies.pre_aggregation import PreAggregation
from strategies.rule_strategy import RootUpdate
from strategies.rules import Rule
from strategies.sampling import group_of_clients
from strategies.stack.posterior import Posterior

_SERVER = 2**32 - 1
"""Client id under which the server's own training draws its random numbers."""


def make_rule(config: Config) -> Rule:
    """Build the rule of a configuration.

    Raises
    ------
    InputError
        If it is unknown, takes other parameters, or is made for another kind of update.
    """
    strategy = config.strategy
    call = parse_call("strategy.rule", strategy.rule, "one rule")
    call = call._replace(params={**call.params, **strategy.parameters()})
    rule: Rule = _assume(rules.registry, call, strategy.f)
    space, why = strategy.method.space, strategy.method.refuses(call.name)
    if rule.space != space:
        fitting = [
            name
            for name in rules.list()
            if _space(name) == space and not strategy.method.refuses(name)
        ]
        raise InputError(
            f"strategy.rule: {call.name!r} is a rule on {rule.space}; strategy.name "
            f"{strategy.name!r} takes one on {space}: {', '.join(fitting)}"
        )
    if why:
        raise InputError(
            f"strategy.rule: {call.name!r} does not work with strategy.name {strategy.name!r}: "
            f"{why}"
        )
    return rule


def make_steps(config: Config) -> list[PreAggregation]:
    """Build the steps before the rule.

    Raises
    ------
    InputError
        If one is unknown or takes other parameters.
    """
    strategy = config.strategy
    return [
        _assume(pre_aggregation.registry, call, strategy.f)
        for call in parse_calls("strategy.pre_aggregation", strategy.pre_aggregation)
    ]


def make_posterior(config: Config) -> Posterior | None:
    """Build what counts the bits of masks; ``None`` where clients send something else."""
    strategy = config.strategy
    counts = isinstance(make_form(strategy), Bits | BlockSamples)
    return Posterior(strategy.prior_rounds) if counts else None


def make_members(config: Config) -> NDArray[np.int64] | None:
    """Return the clients of a configuration's group; ``None`` where there is one group of all."""
    if config.groups == 1:
        return None
    return group_of_clients(config.seed, config.clients, config.groups, config.group)


def make_redraw(config: Config, population: Population) -> Redraw | None:
    """Say which rounds are drawn again; ``None`` for none.

    Raises
    ------
    InputError
        If the malicious clients of a round depend on who is drawn.
    """
    if not config.attack.redraw:
        return None
    if population.members is None:
        raise InputError("attack.redraw: takes attack.sampling 'uniform'")
    return lambda drawn: 2 * len(population.among(0, drawn.tolist())) >= len(drawn)


def server_update(config: Config, dataset: DataSet, trainer: Trainer) -> RootUpdate:
    """Train like a client, on one thread, on a shard of the server's own training examples."""
    count = min(config.strategy.root_examples, len(dataset.train.labels))
    rng = generator(config.seed, Purpose.ROOT)
    rows = np.sort(rng.choice(len(dataset.train.labels), size=count, replace=False))
    split = Split(dataset.train.inputs[rows], dataset.train.labels[rows])

    def update(round: int, state: Arrays) -> Arrays:
        shard = Shard(*dataset.tensors(split, config.engine.device))
        with one_thread():
            moved, _ = trainer.train(state, shard, Task(round, _SERVER, config.seed))
        return moved

    return update


def _assume(registry: Registry[Any], call: Call, f: int) -> Any:
    """Make an entry, with the configuration's ``f`` where it takes one and has none of its own."""
    takes = {parameter.name for parameter in registry.parameters(call.name)}
    return registry.make(call.name, **({"f": f} if "f" in takes else {}) | call.params)


def _space(name: str) -> str:
    return str(getattr(rules.get(name), "space", ""))
