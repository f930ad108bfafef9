"""The parts of a run, made from its configuration: each once, when it is first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from flwr.serverapp import Grid
from numpy.typing import NDArray

from attacks.adversary.population import Population
from attacks.base import Attack, Setting
from experiments.config import Config
from experiments.config.located import located
from experiments.config.portable import pin_where_asked
from experiments.config.tables import ModelConfig
from experiments.setup.adversary import (
    check_attackers,
    check_fit,
    colluders_accuracy,
    count_malicious,
    hide_adversary,
    make_attack,
    make_population,
    make_setting,
)
from experiments.setup.channel import make_channel, make_coding
from experiments.setup.data import check_own, load_data, load_partition
from experiments.setup.engine import make_grid, warn_of_residuals
from experiments.setup.evaluator import Evaluator
from experiments.setup.strategy import (
    make_members,
    make_posterior,
    make_redraw,
    make_rule,
    make_steps,
    server_update,
)
from experiments.setup.trainer import MakeModel, make_trainer
from frl.data import DataSet, Partition, data_spec_of, data_spec_record
from frl.errors import InputError
from frl.exchange.channel import Channel
from frl.grids import LocalGrid, Roster
from frl.training.ranks import Trainer
from frl.wire import Coding
from strategies import FRL, RuleStrategy, SeededStrategy, rules
from strategies.base import Redraw
from strategies.pre_aggregation import PreAggregation, check_chain
from strategies.rule_strategy import RootUpdate
from strategies.rules import Rule

_KEPT = ("config", "deployed", "_own_model", "_own_data")


class Setup:
    """The parts of a run, each made once from the configuration.

    A copy, as one that travels to another process, makes its own parts.

    Parameters
    ----------
    config : Config
    model : callable, optional
        Makes the network in place of ``model.name``: a module's class or a function, of no
        argument or of the :class:`frl.models.DataShape`.
    data : DataSet, optional
        In place of ``data.name``.
    deployed : bool
        Whether clients are on other machines, under Flower.
    """

    def __init__(
        self,
        config: Config,
        *,
        model: MakeModel | None = None,
        data: DataSet | None = None,
        deployed: bool = False,
    ) -> None:
        pin_where_asked(config)
        self.config = located(config)
        self.deployed = deployed
        self._own_model = model
        self._own_data = data

    def __getstate__(self) -> dict[str, Any]:
        return {name: vars(self)[name] for name in _KEPT}

    @property
    def recorded(self) -> Config:
        """The configuration as it is written down: with the names of parts from outside."""
        changes: dict[str, Any] = {}
        if self._own_model is not None:
            changes["model"] = ModelConfig(name=_path(self._own_model))
        if self._own_data is not None:
            changes["data"] = self.config.data.model_copy(update={"name": self._own_data.name})
        return self.config.model_copy(update=changes)

    @cached_property
    def data(self) -> DataSet:
        """Training and test examples."""
        return load_data(self.config) if self._own_data is None else self._own_data

    @cached_property
    def partition(self) -> Partition:
        """The training examples of each client."""
        return load_partition(self.config, self.data)

    @cached_property
    def trainer(self) -> Trainer:
        """The network, and what trains it."""
        return make_trainer(self.config, self.data.shape, self.data.augmentation, self._own_model)

    @cached_property
    def evaluator(self) -> Evaluator:
        """The evaluator of global states on the test examples."""
        return Evaluator(self.data, self.trainer, self.config.engine.device)

    @cached_property
    def coding(self) -> Coding:
        """The coding of updates."""
        return make_coding(self.config.strategy)

    @cached_property
    def channel(self) -> Channel:
        """The channel that server and clients agreed on."""
        return make_channel(self.config, self.trainer, deployed=self.deployed)

    @cached_property
    def attack(self) -> Attack | None:
        """The attack of the malicious clients."""
        return make_attack(self.config)

    @cached_property
    def population(self) -> Population:
        """The malicious clients."""
        return make_population(self.config)

    @cached_property
    def members(self) -> NDArray[np.int64] | None:
        """The clients of this federation, ascending: those of its group; ``None`` for all."""
        return make_members(self.config)

    @property
    def malicious(self) -> int:
        """Malicious clients of this federation, or of a round where they are drawn anew."""
        return count_malicious(self.attack, self.population, self.members)

    @cached_property
    def setting(self) -> Setting:
        """The settings of the run that every client knows."""
        return make_setting(self.config, self.data, self.trainer)

    @cached_property
    def rule(self) -> Rule:
        """The rule that turns updates into the next global state."""
        return make_rule(self.config)

    @cached_property
    def steps(self) -> Sequence[PreAggregation]:
        """The steps that change updates before the rule."""
        return make_steps(self.config)

    @cached_property
    def _redraw(self) -> Redraw | None:
        return make_redraw(self.config, self.population)

    @cached_property
    def _root(self) -> RootUpdate:
        return server_update(self.config, self.data, self.trainer)

    def check(self) -> None:
        """Refuse what cannot be run, as far as it can be told without data and clients.

        Raises
        ------
        InputError
            With the key, what it got, and what it takes.
        """
        check_chain(self.rule, self.steps, self.config.clients_per_round)
        _ = self.attack, self.coding, self._redraw
        check_attackers(self.config, self.attack, self.population)

    def check_data(self) -> None:
        """Refuse what the data do not fit.

        Raises
        ------
        InputError
            Likewise.
        """
        if self._own_data is not None:
            check_own(self.config, self._own_data)
        if not len(self.data.test.labels):
            raise InputError(f"data: {self.data.name!r} has no test example to evaluate on")
        check_fit(self.attack, self.data)
        _ = self.partition, self.trainer

    def evaluates(self, round: int) -> bool:
        """Whether a round ends with an evaluation, and its messages are measured."""
        return round % self.config.eval_every == 0 or round == self.config.rounds

    def strategy(self, roster: Roster | None = None, *, f: int | None = None) -> SeededStrategy:
        """Make a strategy that has seen no round: the streamed vote where that is the rule.

        Parameters
        ----------
        roster : Roster, optional
            Which node is which client.
        f : int, optional
            Malicious clients to tell the rule of in place of the true number, where the run tells
            it that.
        """
        config, rule, steps = self.config, self.rule, self.steps
        told = config.strategy.oracle_f
        if told and f is not None:
            rule, steps, told = rule.assuming(f), [step.assuming(f) for step in steps], False
        shared: dict[str, Any] = {
            "clients": config.clients,
            "clients_per_round": config.clients_per_round,
            "seed": config.seed,
            "redraw": self._redraw,
            "members": self.members,
            "roster": roster,
            "channel": self.channel,
            "data_spec": data_spec_record(data_spec_of(self.data)) if self.deployed else None,
            "measured": self.evaluates,
        }
        if isinstance(rule, rules.get("sum")) and not steps:  # type: ignore[arg-type]
            return FRL(**shared)
        return RuleStrategy(
            **shared,
            rule=rule,
            steps=steps,
            keep=config.strategy.keep,
            server_lr=config.strategy.server_lr,
            server_momentum=config.strategy.server_momentum,
            weighting=config.strategy.weighting,
            most_weight=config.strategy.most_weight,
            most_norm=config.strategy.most_norm,
            root=self._root,
            oracle=self._malicious_among if told else None,
            posterior=make_posterior(config),
        )

    def start_engine(self) -> LocalGrid:
        """Start the engine, whose clients have the same parts.

        Raises
        ------
        InputError
            If there is less than the configuration asks for.
        """
        warn_of_residuals(self.config, sum(a.size for a in self.trainer.initial.values()))
        if self._own_model is None and self._own_data is None:
            return make_grid(self.config)
        from experiments.setup.client import make_app
        from experiments.setup.resident import OwnResident

        return make_grid(self.config, make_app(OwnResident(self)))

    def hide_adversary(self, grid: Grid, strategy: SeededStrategy, roster: Roster) -> Grid:
        """Put the adversary in front of an engine, if there is one.

        Raises
        ------
        InputError
            If the attack needs what there is not.
        """
        if self.attack is None:
            return grid
        return hide_adversary(
            grid,
            self.attack,
            self.population,
            config=self.config,
            setting=self.setting,
            strategy=strategy,
            channel=self.channel,
            roster=roster,
            accuracy=colluders_accuracy(
                self.attack, self.population, self.data, self.partition, self.evaluator
            ),
        )

    def _malicious_among(self, round: int, clients: Sequence[int]) -> int:
        return len(self.population.attackers(round, clients))


def _path(model: MakeModel) -> str:
    """Return where a class or function is found: ``package.module:Name``."""
    named = model if hasattr(model, "__qualname__") else type(model)
    return f"{named.__module__}:{named.__qualname__}"
