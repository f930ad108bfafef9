"""The channel of a run, from its configuration: what server and clients send, and how."""

from __future__ import annotations

from experiments.config import Config
from experiments.config.tables import StrategyConfig
from frl.errors import InputError
from frl.exchange.channel import Channel
from frl.exchange.forms import Ballots, Differences, Form, Top, Whole
from frl.training.ranks import Trainer
from frl.training.supermask import output_units
from frl.wire import Coding

_NOT_NAMES = ("auto", "off", "always")
_DEPLOYED_HISTORY = 8


def make_form(strategy: StrategyConfig) -> Form:
    """Build what clients send of their updates.

    Raises
    ------
    InputError
        If the keys contradict each other.
    """
    if strategy.ballot_dither and not strategy.ballot_bits:
        raise InputError("strategy.ballot_dither: takes 0 where strategy.ballot_bits is 0")
    if strategy.method.space != "ranks":
        for key in ("ballot_bits", "down_bits"):
            if getattr(strategy, key):
                raise InputError(f"strategy.{key}: takes 0 for weights")
        form = strategy.method.form(strategy.draw)
        if form is not None:
            if strategy.upload_top < 1:
                raise InputError(f"strategy.upload_top: takes 1 for {strategy.name!r}")
            return form
        return Differences(strategy.upload_top, signs=strategy.rule == "sign_sgd")
    if strategy.ballot_bits:
        if strategy.upload_top < 1:
            raise InputError("strategy.upload_top: takes 1 where strategy.ballot_bits is not 0")
        return Ballots(
            strategy.ballot_bits,
            strategy.ballot_focus,
            centre=1.0 - strategy.keep,
            dither=strategy.ballot_dither,
        )
    if strategy.upload_top < 1:
        return Top(strategy.upload_top, strategy.unsent)
    return Whole()


def make_coding(strategy: StrategyConfig) -> Coding:
    """Build the coding of updates: the one a configuration names, or the smallest that fits.

    Raises
    ------
    InputError
        If the named one does not fit what clients send.
    """
    return make_form(strategy).codings()[_coding_name(strategy)]


def make_channel(config: Config, trainer: Trainer, *, deployed: bool = False) -> Channel:
    """Build the channel that server and clients share.

    Parameters
    ----------
    config : Config
    trainer : Trainer
        New: its initial state is the first of the run.
    deployed : bool
        Whether messages leave this machine, where ``strategy.coding`` is ``"auto"``.
    """
    strategy = config.strategy
    coded = deployed if strategy.coding == "auto" else strategy.coding != "off"
    return Channel(
        layers={name: int(values.size) for name, values in trainer.initial.items()},
        form=make_form(strategy),
        coding=_coding_name(strategy),
        rows=output_units(trainer.module),
        coded=coded,
        down_bits=strategy.down_bits,
        down_slack=_slack(strategy),
        first={} if _whole_states(strategy) else trainer.initial,
        history=_history(config, coded=coded, deployed=deployed),
    )


def _slack(strategy: StrategyConfig) -> float | None:
    """How far off the server lets an edge be; ``None`` where it forgets what it rounds away."""
    if strategy.down_slack == -1:
        return None
    if strategy.down_slack < 0:
        raise InputError(f"strategy.down_slack: got {strategy.down_slack}; takes -1, or 0 to 16")
    if not strategy.down_bits:
        raise InputError("strategy.down_slack: takes -1 where strategy.down_bits is 0")
    return strategy.down_slack


def _history(config: Config, *, coded: bool, deployed: bool) -> int:
    """Past rankings that the server keeps.

    Colluders of the adversarial grid share a request, so then each must be readable by all.
    """
    asked, attacked = config.strategy.down_history, config.attack.name != "none"
    if _whole_states(config.strategy):
        return 0
    if asked > 0 and attacked and coded:
        raise InputError(
            "strategy.down_history: takes 0 where messages are coded and attack.name is set"
        )
    return asked if asked >= 0 else _DEPLOYED_HISTORY if deployed and not attacked else 0


def _whole_states(strategy: StrategyConfig) -> bool:
    """Whether every global state travels whole: weights do, and rankings where updates do."""
    if strategy.method.space != "ranks":
        return make_form(strategy).state is None
    return strategy.coding == "fixed" and not strategy.down_bits


def _coding_name(strategy: StrategyConfig) -> str:
    fitting = make_form(strategy).codings()
    name = next(iter(fitting)) if strategy.coding in _NOT_NAMES else strategy.coding
    if name not in fitting:
        raise InputError(
            f"strategy.coding: got {name!r}; what clients send takes "
            f"{', '.join((*_NOT_NAMES, *fitting))} (ballot: strategy.ballot_bits of 1 to 8; "
            "sparse: strategy.upload_top below 1)"
        )
    return name
