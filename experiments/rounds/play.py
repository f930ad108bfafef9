"""One round of training: ask clients, hear them, and move the global state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from flwr.app import ConfigRecord, Message
from flwr.serverapp import Grid

from experiments.records.checkpoints import State
from frl.exchange.messages import arrays_record, read_arrays
from strategies import SeededStrategy

Send: TypeAlias = Callable[[list[Message]], Iterable[Message]]
"""Sends messages and yields the replies."""


def play_round(
    strategy: SeededStrategy, number: int, state: State, grid: Grid, send: Send
) -> State:
    """Return the global state that a round leads to: the same where the strategy keeps it.

    Parameters
    ----------
    strategy : SeededStrategy
    number : int
        Of the round, from 1.
    state : dict of layer name to array
        The global state it begins with.
    grid : Grid
        Who is there.
    send : callable
        How messages go there and replies come back.
    """
    messages = strategy.configure_train(number, arrays_record(state), ConfigRecord(), grid)
    moved, _ = strategy.aggregate_train(number, send(list(messages)))
    return state if moved is None else read_arrays(moved)
