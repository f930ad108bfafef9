"""A Flower mod that keeps on a node what its errors say: the server is told fixed words."""

from __future__ import annotations

import logging

from flwr.app import Context, Error, Message
from flwr.clientapp.typing import ClientAppCallable

from frl.errors import FRLError, InputError, MessageError, RefusedError
from frl.ranking import DIVERGED
from frl.simulation import simulated

log = logging.getLogger("flwr")

_RAISED = 2
"""Flower's code of a ClientApp that raised."""
_MORE = "; the log of the node says more"
DATA = f"the data of this node cannot be read or do not fit the run{_MORE}"
SETUP = f"the configuration or the installation of this node does not fit the run{_MORE}"
MESSAGE = f"this node cannot read what the server sent{_MORE}"
MEMORY = f"this node is out of memory{_MORE}"
OTHER = f"training failed on this node{_MORE}"


def discreet(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
    """Answer for a client app that raised, in words that tell nothing of the node but what kind.

    In a simulation errors pass as they are: node and server are one machine's.
    """
    if simulated(context.node_config):
        return call_next(message, context)
    try:
        return call_next(message, context)
    except Exception as error:
        words = told(error)
        unforeseen = None if isinstance(error, FRLError) else error
        log.error("%s (the server is told no more than: %s)", error, words, exc_info=unforeseen)
        return Message(Error(_RAISED, words), reply_to=message)


def told(error: Exception) -> str:
    """Return what a server is told of an error on a node: one of a few fixed sentences."""
    from frl.data import OwnDataError

    if isinstance(error, RefusedError):
        return str(error)
    if isinstance(error, OwnDataError):
        return DATA
    if isinstance(error, MessageError):
        return MESSAGE
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return MEMORY
    if str(error) == DIVERGED:
        return DIVERGED
    return SETUP if isinstance(error, InputError) else OTHER
