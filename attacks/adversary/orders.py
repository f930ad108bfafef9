"""Orders to attack: how a malicious client learns what to do to its own data or update.

Orders travel as one more record of a train message. Whoever obeys says so by a record of the same
name in the reply; without it the orders were ignored, which must not look like a perfect defence.
A client obeys orders of a message in a simulation, and on a node whose own config allows it.
"""

from __future__ import annotations

import copy
import dataclasses
import json

from flwr.app import ConfigRecord, Context, Error, Message, RecordDict

from attacks import make, name_of, registry
from attacks.base import Attack, poisons, tampers
from frl.errors import InputError, RefusedError
from frl.grids.internals import assemble
from frl.simulation import simulated

RECORD = "adversary"
ALLOWED = "attack-orders"
"""Key of a node config: ``true`` if a server may order this node to attack."""
IGNORED = "attack orders were ignored by the client app: add attacks.adversary_mod"
REFUSED = f"attack orders are refused: the config of this node does not say {ALLOWED}=true"
_ATTACK, _PARAMS, _PER_ROUND, _OBEYED = "attack", "params", "clients-per-round", "obeyed"
_RAISED = 2
"""Flower's code of a ClientApp that raised."""


def with_orders(message: Message, attack: Attack, clients_per_round: int) -> Message:
    """Copy a message and add the orders to run an attack.

    The copy shares the metadata, so that sending it sets the message id on the original too; the
    content of the original is left as it is.
    """
    chosen = {
        field.name: getattr(attack, field.name)
        for field in dataclasses.fields(attack)  # type: ignore[arg-type]
    }
    orders = ConfigRecord(
        {
            _ATTACK: name_of(attack),
            _PARAMS: json.dumps(chosen),
            _PER_ROUND: clients_per_round,
        }
    )
    return _with_content(message, RecordDict({**message.content, RECORD: orders}))


def without_orders(message: Message) -> Message:
    """Return the message as an honest client would get it."""
    if RECORD not in message.content:
        return message
    return _with_content(message, _others(message))


def ordered_attack(message: Message, context: Context) -> Attack | None:
    """Return the attack that a client is ordered to run, or ``None``.

    Orders are a record in the message or, on a SuperNode, its node config: ``attack="name"`` and,
    if it takes parameters, ``attack-params`` as a JSON object.

    Raises
    ------
    RefusedError
        If the message holds orders, and this is a node whose config does not allow them.
    InputError
        If the attack or its parameters are unknown, or it cannot be run by a client alone.
    """
    if RECORD in message.content:
        if context.node_config.get(ALLOWED) is not True and not simulated(context.node_config):
            raise RefusedError(REFUSED)
        orders = message.content.config_records[RECORD]
        name, params = str(orders[_ATTACK]), str(orders[_PARAMS])
        if ":" in name and not registry.in_use(name):
            # A message makes nobody import what the client's own configuration does not name.
            raise InputError(f"attack {name!r}: this client's configuration names no such path")
    elif "attack" in context.node_config:
        name = str(context.node_config["attack"])
        params = str(context.node_config.get("attack-params", "{}"))
    else:
        return None
    try:
        chosen = json.loads(params)
    except json.JSONDecodeError as error:
        raise InputError(f"attack-params: got {params!r}; takes a JSON object ({error})") from None
    if not isinstance(chosen, dict):
        raise InputError(f"attack-params: got {params!r}; takes a JSON object")
    attack = make(name, **chosen)
    if not (poisons(attack) or tampers(attack)):
        raise InputError(f"attack {name!r} needs colluders; a client alone cannot run it")
    return attack


def ordered_clients_per_round(message: Message) -> int | None:
    """Return how many clients the orders say train in this round; ``None`` without orders."""
    if RECORD not in message.content:
        return None
    number = message.content.config_records[RECORD][_PER_ROUND]
    return number if isinstance(number, int) else None


def acknowledged(reply: Message, request: Message) -> Message:
    """Say in a reply that the orders of its request were obeyed, if it had any."""
    if RECORD not in request.content or reply.has_error():
        return reply
    name = request.content.config_records[RECORD][_ATTACK]
    record = ConfigRecord({_OBEYED: name})
    return _with_content(reply, RecordDict({**reply.content, RECORD: record}))


def obeyed(reply: Message, attack: Attack) -> Message:
    """Return the reply of a client that was given orders as an honest client would send it.

    One that does not acknowledge them becomes an error reply with the reason ``IGNORED``.
    """
    if reply.has_error():
        return reply
    record = reply.content.get(RECORD)
    if isinstance(record, ConfigRecord) and record.get(_OBEYED) == name_of(attack):
        return _with_content(reply, _others(reply))
    return assemble(reply.metadata, None, Error(_RAISED, IGNORED))


def _others(message: Message) -> RecordDict:
    return RecordDict({name: r for name, r in message.content.items() if name != RECORD})


def _with_content(message: Message, content: RecordDict) -> Message:
    other = copy.copy(message)
    other.content = content
    return other
