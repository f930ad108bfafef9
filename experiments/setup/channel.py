"""The channel of a run, from its configuration: what server and clients send, and how."""

from __future__ import annotations

from experiments.config import Config
from experiments.config.tables import StrategyConfig
from frl.errors import InputError
from frl.exchange.channel import Channel
from frl.exchange.forms import Ballots, Form, Top, Whole
from frl.supermask import output_units
from frl.training import Trainer
from frl.wire import Coding, codings

_NOT_NAMES = ("auto", "off", "always")
_DEPLOYED_HISTORY = 8


def make_form(strategy: StrategyConfig) -> Form | None:
    """Build what clients send of their rankings; ``None`` for weights.

    Raises
    ------
    InputError
        If the keys contradict each other.
    """
    if strategy.ballot_dither and not strategy.ballot_bits:
        raise InputError("strategy.ballot_dither: takes 0 where strategy.ballot_bits is 0")
    if strategy.name != "frl":
        for key in ("ballot_bits", "down_bits"):
            if getattr(strategy, key):
                raise InputError(f"strategy.{key}: takes 0 for weights")
        return None
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
    fitting = _fitting(strategy)
    name = next(iter(fitting)) if strategy.coding in _NOT_NAMES else strategy.coding
    if name not in fitting:
        raise InputError(
            f"strategy.coding: got {name!r}; what clients send takes "
            f"{', '.join((*_NOT_NAMES, *fitting))} (ballot: strategy.ballot_bits of 1 to 8; "
            "sparse: strategy.upload_top below 1)"
        )
    return fitting[name]


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
    form = make_form(strategy)
    coded = deployed if strategy.coding == "auto" else strategy.coding != "off"
    return Channel(
        layers={name: int(values.size) for name, values in trainer.initial.items()},
        up=make_coding(strategy),
        form=form,
        rows=output_units(trainer.module),
        coded=coded,
        down_bits=strategy.down_bits,
        first=trainer.initial if form is not None else {},
        history=_history(config, coded=coded, deployed=deployed),
    )


def _history(config: Config, *, coded: bool, deployed: bool) -> int:
    """Past rankings that the server keeps.

    Colluders of the adversarial grid share a request, so then each must be readable by all.
    """
    asked, attacked = config.strategy.down_history, config.attack.name != "none"
    snapshots = config.strategy.coding == "fixed" and not config.strategy.down_bits
    if config.strategy.name != "frl" or snapshots:
        return 0
    if asked > 0 and attacked and coded:
        raise InputError(
            "strategy.down_history: takes 0 where messages are coded and attack.name is set"
        )
    return asked if asked >= 0 else _DEPLOYED_HISTORY if deployed and not attacked else 0


def _fitting(strategy: StrategyConfig) -> dict[str, Coding]:
    """Codings of what clients send, the smallest first."""
    form = make_form(strategy)
    if form is None:
        if strategy.rule == "sign_sgd":
            return {"signs": codings.make("signs")}
        if strategy.upload_top < 1:
            return {"topk": codings.make("topk", share=strategy.upload_top)}
        return {"float32": codings.make("float32")}
    if isinstance(form, Ballots):
        focused = {"focus": form.focus, "centre": form.centre} if form.focus > 1 else {}
        return {"ballot": codings.make("ballot", bits=form.bits, **focused)}
    if isinstance(form, Top):
        names = ("sparse-delta", "sparse")
        return {n: codings.make(n, share=form.share, unsent=form.unsent) for n in names}
    return {name: codings.make(name) for name in ("delta", "fixed")}
