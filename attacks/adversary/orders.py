"""Orders to attack: how a malicious client learns what to do to its own data or update."""

from __future__ import annotations

import copy
import dataclasses
import json

from flwr.app import ConfigRecord, Context, Message, RecordDict

from attacks import make, name_of
from attacks.base import Attack, poisons, tampers
from frl.errors import InputError

RECORD = "adversary"


def with_orders(message: Message, attack: Attack) -> Message:
    """Copy a message and add the orders to run an attack.

    The copy shares the metadata, so that sending it sets the message id on the original too; the
    content of the original is left as it is.
    """
    chosen = {
        field.name: getattr(attack, field.name)
        for field in dataclasses.fields(attack)  # type: ignore[arg-type]
    }
    orders = ConfigRecord({"attack": name_of(attack), "params": json.dumps(chosen)})
    return _with_content(message, RecordDict({**message.content, RECORD: orders}))


def without_orders(message: Message) -> Message:
    """Return the message as an honest client would get it."""
    if RECORD not in message.content:
        return message
    rest = {name: record for name, record in message.content.items() if name != RECORD}
    return _with_content(message, RecordDict(rest))


def ordered_attack(message: Message, context: Context) -> Attack | None:
    """Return the attack that a client is ordered to run, or ``None``.

    Orders are a record in the message or, on a SuperNode, its node config: ``attack="name"`` and,
    if it takes parameters, ``attack-params`` as a JSON object.

    Raises
    ------
    InputError
        If the attack or its parameters are unknown, or it cannot be run by a client alone.
    """
    if RECORD in message.content:
        orders = message.content.config_records[RECORD]
        name, params = str(orders["attack"]), str(orders["params"])
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


def _with_content(message: Message, content: RecordDict) -> Message:
    other = copy.copy(message)
    other.content = content
    return other
