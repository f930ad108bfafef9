"""A client app of own network and data whose malicious clients do as they are ordered."""

from __future__ import annotations

from functools import partial

from flwr.app import Context, Message
from flwr.clientapp.typing import ClientAppCallable, Mod

from attacks.adversary.batch import is_train
from attacks.adversary.channel_codec import ChannelCodec
from attacks.adversary.mod import adversary_mod
from attacks.base import Setting
from frl.app.client_app import ShardApp
from frl.exchange.messages import read_task
from frl.training.ranks import RankTrainer


def obeying(app: ShardApp) -> ShardApp:
    """Return an app of ``frl.client_app`` that obeys orders to attack.

    For simulation only. :func:`attacks.hide` does it on our own grids; on Flower's runtimes make
    the app of the clients with it.
    """
    return app.with_mod(_adversary_of)


def setting_of_app(app: ShardApp, seed: int, clients_per_round: int) -> Setting:
    """Say what every client of a run knows."""
    trainer = app.worker(seed).trainer
    return Setting(
        seed=seed,
        round=0,
        clients_per_round=clients_per_round,
        classes=app.classes,
        keep=app.network.keep,
        mask_by=app.network.mask_by,
        coats=app.network.coats,
        sorted_scores=trainer.sorted_scores if isinstance(trainer, RankTrainer) else {},
    )


def _adversary_of(app: ShardApp) -> Mod:
    def mod(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
        if not is_train(message):
            return call_next(message, context)
        worker = app.worker(read_task(message).seed)
        read_state = partial(worker.client.read_state, memory=context.state)
        codec = ChannelCodec(worker.channel, read_state=read_state)
        return adversary_mod(codec, setting_of)(message, context, call_next)

    def setting_of(message: Message, context: Context) -> Setting:
        return setting_of_app(app, read_task(message).seed, clients_per_round=1)

    return mod
