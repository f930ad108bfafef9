"""A SuperNode's node config: its client and its data.

``partition-id=3``: it is client 3, and trains on its part of the run's data set.
``data.copy="/srv/mnist"``: where it keeps its copy of the run's data set.
``data.path="/srv/photos"``: a folder of its own, which is all it trains on; it may leave out
``partition-id`` and be any client. ``attack="own_reversal"``: it attacks, see
:func:`attacks.adversary.orders.ordered_attack`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flwr.app import Context, Message

from experiments.config.portable import pin_arithmetic
from frl.errors import InputError, unknown
from frl.exchange.messages import read_data_spec

if TYPE_CHECKING:
    from experiments.setup.resident import Resident

CLIENT, COPY, OWN = "partition-id", "data.copy", "data.path"
ANY_CLIENT = -1


def client_of(node_config: Mapping[str, object]) -> int:
    """Return which client a node is, ``ANY_CLIENT`` where it does not say.

    Raises
    ------
    InputError
        If its node config cannot be understood.
    """
    check(node_config)
    client = node_config.get(CLIENT, ANY_CLIENT)
    if not isinstance(client, int) or (client < 0 and CLIENT in node_config):
        raise InputError(f"{CLIENT}: got {client!r}; takes a client id, 0 or more")
    if CLIENT not in node_config and OWN not in node_config:
        raise InputError(f"node config: takes {CLIENT}, or {OWN} for data of its own")
    return client


def check(node_config: Mapping[str, object]) -> None:
    """Refuse keys about data that mean nothing, so that none is passed over in silence.

    Raises
    ------
    InputError
        If there is one.
    """
    for key, value in node_config.items():
        if key.startswith("data"):
            if key not in (COPY, OWN):
                raise unknown("node config key", key, (COPY, OWN))
            if not isinstance(value, str) or not value:
                raise InputError(f"{key}: got {value!r}; takes a folder")
    if COPY in node_config and OWN in node_config:
        raise InputError(f"node config: takes {COPY} or {OWN}, not both")


def resident_for(message: Message, context: Context) -> Resident:
    """Return what this process keeps for the run and the node of a train message."""
    if context.run_config.get("engine.portable"):
        pin_arithmetic()
    from experiments.setup.resident import resident
    from frl.data.data_spec import data_spec_from

    node = context.node_config
    check(node)
    own = None
    if OWN in node:
        data_spec = read_data_spec(message)
        if data_spec is None:
            raise InputError(f"{OWN}: the server does not say what data the run takes")
        own = (str(node[OWN]), data_spec_from(data_spec))
    return resident(context.run_config, str(node.get(COPY, "")), own)
