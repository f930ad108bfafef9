"""The Flower ClientApp: one message in, one update out, on every engine.

A SuperNode starts a process for every message, so what only training needs is imported by training:
a query is answered without torch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from flwr.app import ConfigRecord, Context, Error, Message, MessageType, RecordDict
from flwr.clientapp import ClientApp
from flwr.clientapp.typing import ClientAppCallable

from experiments.setup.node import OWN, client_of, resident_for
from frl.exchange.messages import CLIENT, CONFIG, reply_content

if TYPE_CHECKING:
    from experiments.setup.resident import Resident

log = logging.getLogger("flwr")

_RAISED = 2
"""Flower's code of a ClientApp that raised."""


def discreet(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
    """Keep what an error says of this node's own data on this node."""
    if OWN not in context.node_config:
        return call_next(message, context)
    try:
        return call_next(message, context)
    except Exception as error:
        from frl.data import OwnDataError

        if isinstance(error, OwnDataError):
            reason = str(error)
            log.error("%s", reason)
        else:
            reason = f"{type(error).__name__}; the log of the node says more"
            log.exception("the server is told no more than: %s", reason)
        return Message(Error(_RAISED, reason), reply_to=message)


class Answers:
    """What a client does with a message.

    Parameters
    ----------
    resident_of : callable
        What this process keeps for the run and the node of a train message.
    """

    def __init__(self, resident_of: Callable[[Message, Context], Resident]) -> None:
        self._resident_of = resident_of

    def adversary(
        self, message: Message, context: Context, call_next: ClientAppCallable
    ) -> Message:
        """Let this client obey orders to attack."""
        if message.metadata.message_type != MessageType.TRAIN:
            return call_next(message, context)
        from attacks.adversary.channel_codec import ChannelCodec
        from attacks.adversary.mod import adversary_mod

        here = self._resident_of(message, context)
        read_state = partial(here.read_state, memory=context.state)
        codec = ChannelCodec(here.channel, read_state=read_state)
        return adversary_mod(codec, lambda *_: here.setting)(message, context, call_next)

    def train(self, message: Message, context: Context) -> Message:
        """Train from the global state on this client's shard and reply with the update."""
        import torch

        torch.set_num_threads(1)
        update, report = self._resident_of(message, context).answer(message, context.state)
        return Message(reply_content(update, report), reply_to=message)

    @staticmethod
    def query(message: Message, context: Context) -> Message:
        """Say which client this node is."""
        config = ConfigRecord({CLIENT: client_of(context.node_config)})
        return Message(RecordDict({CONFIG: config}), reply_to=message)


def make_app(resident_of: Callable[[Message, Context], Resident]) -> ClientApp:
    """Make a client app of what a process keeps for its runs."""
    answers = Answers(resident_of)
    made = ClientApp(mods=[discreet, answers.adversary])
    made.train()(answers.train)
    made.query()(answers.query)
    return made


app = make_app(resident_for)
