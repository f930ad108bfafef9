"""The bytes of one participation, up and down, by how long ago the client took part before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from experiments.records.checkpoints import Checkpoint
from experiments.rounds.memory import part_of
from frl.arrays import Arrays
from frl.exchange.channel import Channel
from frl.wire import Base
from strategies.client_states import ClientStates


class Participation(NamedTuple):
    """What a client of a run sends and is sent when it takes part.

    Attributes
    ----------
    rounds : int
        Since it took part before; 0 for a client that never did.
    up, down : int
        Bytes of messages, as the run's channel codes them.
    """

    rounds: int
    up: int
    down: int

    @property
    def both(self) -> int:
        """Bytes up and down."""
        return self.up + self.down

    @property
    def often(self) -> str:
        """How often such a client takes part."""
        if not self.rounds:
            return "once"
        return "in every round" if self.rounds == 1 else f"in one of {self.rounds} rounds"


def participations(
    channel: Channel, checkpoint: Checkpoint, before: Arrays | None, up: int
) -> Iterator[Participation]:
    """Encode the next global state for clients that took part last round, long ago and never.

    Parameters
    ----------
    channel : Channel
        Of the run.
    checkpoint : Checkpoint
        Where the run kept a history (``strategy.down_history``), the oldest state in it is that of
        long ago. Where states travel whole, how long ago is no matter.
    before : mapping of layer to array, or None
        The global state of the round before, where its checkpoint is kept.
    up : int
        Bytes of a client's update.
    """
    base = Base(checkpoint.round + 1, {n: checkpoint.state[n] for n in channel.layers})
    states = ClientStates(channel)
    states.memory = part_of(checkpoint.memory, "seen")
    if states.kept:
        for round in sorted({states.kept[0], states.kept[-1]}, reverse=True):
            yield Participation(base.round - round, up, len(states.encoded_since(base, round)))
    elif not channel.first:
        yield Participation(1, up, len(channel.encode_state(base)))
    elif before is not None:
        held = Base(checkpoint.round, {name: before[name] for name in channel.layers})
        yield Participation(1, up, len(channel.encode_state(base, held)))
    yield Participation(0, up, len(channel.encode_state(base)))
