"""The malicious side of a client, as a Flower mod."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import nullcontext
from typing import TypeAlias

from flwr.app import Context, Message
from flwr.clientapp.typing import ClientAppCallable, Mod

from attacks import name_of
from attacks.adversary.app_codec import AppCodec
from attacks.adversary.codec import Codec
from attacks.adversary.orders import (
    acknowledged,
    ordered_attack,
    ordered_clients_per_round,
    without_orders,
)
from attacks.base import PoisonView, Setting, TamperView, poisons, tampers
from frl.errors import InputError
from frl.randomness import Purpose, generator
from frl.shard_transform import Labels, Samples, transforming

SettingOf: TypeAlias = Callable[[Message, Context], Setting]


def adversary_mod(
    codec: Codec | None = None,
    setting_of: SettingOf | None = None,
    *,
    classes: int = 0,
    seed: int = 0,
) -> Mod:
    """Make the mod that lets a ClientApp obey orders to attack.

    For drills: no message turns a client app into an attacker that has not this mod, and one that
    has it obeys orders only in a simulation or where the config of its node allows them.

    Orders come with the message, from :class:`attacks.adversary.grid.AdversarialGrid`, or from a
    SuperNode's own node config (see :func:`attacks.adversary.orders.ordered_attack`). The attack's
    ``poison`` changes the shard trained on, its ``tamper`` the update sent. Without orders it does
    nothing. The reply acknowledges orders of the message, unless the ClientApp trained without
    :func:`frl.shard_transform.transformed`, so that there was nothing to poison.

    Parameters
    ----------
    codec : Codec, optional
        By default for our own messages and for whole parameters.
    setting_of : callable, optional
        What the client knows of the run, from its message and context; the round is filled in.
        By default the next two.
    classes : int
        Of the app's data; attacks on data need it.
    seed : int
        Of the attack's draws.

    Returns
    -------
    Mod
        ``(message, context, call_next) -> reply``, for ``ClientApp(mods=[...])``.
    """
    tell = setting_of or (lambda *_: Setting(seed, round=0, clients_per_round=1, classes=classes))

    def mod(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
        if message.metadata.message_type.partition(".")[0] != "train":
            return call_next(message, context)
        attack, request = ordered_attack(message, context), without_orders(message)
        if attack is None:
            return call_next(request, context)
        reader = codec or AppCodec()  # made here, so that Ray can send the mod to its workers
        client, round = reader.client_of(request), reader.round_of(request)
        setting = dataclasses.replace(tell(request, context), round=round)
        number = ordered_clients_per_round(message)
        if number is not None:
            setting = dataclasses.replace(setting, clients_per_round=number)
        if poisons(attack) and setting.classes < 1:
            raise InputError(
                f"attack {name_of(attack)!r} needs the number of classes: "
                "attacks.adversary_mod(classes=...)"
            )
        poisoned = not poisons(attack)

        def poison(images: Samples, labels: Labels) -> tuple[Samples, Labels]:
            nonlocal poisoned
            poisoned = True
            rng = generator(setting.seed, Purpose.POISON, client=client)
            return attack.poison(images, labels, PoisonView(setting, client), rng)

        with transforming(poison) if poisons(attack) else nullcontext():
            reply = call_next(request, context)
        if reply.has_error() or not poisoned:
            return reply
        if tampers(attack):
            view = TamperView(setting, client, reader.state_of(request))
            rng = generator(setting.seed, Purpose.TAMPER, round=round, client=client)
            update = attack.tamper(reader.read_update(reply, request), view, rng)
            reply = reader.with_update(reply, request, update)
        return acknowledged(reply, message)

    return mod
