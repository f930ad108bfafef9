"""The Flower ClientApp: one message in, one update out, on every engine.

A SuperNode starts a process for every message, so what only training needs is imported by training:
a query is answered without torch.
"""

from __future__ import annotations

from flwr.app import ConfigRecord, Context, Message, MessageType, RecordDict
from flwr.clientapp import ClientApp
from flwr.clientapp.typing import ClientAppCallable

from frl.messages import CLIENT, CONFIG, reply_content


def adversary(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
    """Let this client obey orders to attack."""
    if message.metadata.message_type != MessageType.TRAIN:
        return call_next(message, context)
    from attacks.mod import adversary_mod
    from experiments.adversary import RunCodec, setting_of
    from experiments.resident import resident

    here = resident(context.run_config)
    codec = RunCodec(here.channel, read_state=here.read_state)
    return adversary_mod(codec, setting_of)(message, context, call_next)


app = ClientApp(mods=[adversary])


@app.train()
def train(message: Message, context: Context) -> Message:
    """Train from the global state on this client's shard and reply with the update."""
    import torch

    from experiments.resident import resident

    torch.set_num_threads(1)
    update, report = resident(context.run_config).answer(message, context.state)
    return Message(reply_content(update, report), reply_to=message)


@app.query()
def query(message: Message, context: Context) -> Message:
    """Say which client this node is."""
    client = context.node_config.get("partition-id", -1)
    config = ConfigRecord({CLIENT: int(client)})
    return Message(RecordDict({CONFIG: config}), reply_to=message)
