"""The client app of a run: one message in, one update out.

A SuperNode starts a process for every message, so what only training needs is imported by training:
a query is answered without torch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from flwr.app import ConfigRecord, Context, Message, MessageType, RecordDict
from flwr.clientapp import ClientApp
from flwr.clientapp.typing import ClientAppCallable

from experiments.setup.node import client_of, resident_for
from frl.discretion import discreet
from frl.exchange.messages import CLIENT, CONFIG, reply_content

if TYPE_CHECKING:
    from experiments.setup.resident import Resident


class Answers:
    """The handlers of a client: one method for each type of message.

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
        here = self._resident_of(message, context)  # first: it sets the arithmetic of torch
        from attacks.adversary.channel_codec import ChannelCodec
        from attacks.adversary.mod import adversary_mod

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
