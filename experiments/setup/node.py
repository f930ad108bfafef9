"""A SuperNode's node config: its client and its data.

``partition-id=3``: it is client 3, and trains on its part of the run's data set.
``data.copy="/srv/mnist"``: where it keeps its copy of the run's data set.
``data.name="org/set"``: a data set of the Hugging Face hub that it loads where the run asks for it.
``data.path="/srv/photos"``: a folder of its own, which is all it trains on; it may leave out
``partition-id`` and be any client. ``attack="own_reversal"``: it attacks; ``attack-orders=true``:
it does when the server orders it. See :func:`attacks.adversary.orders.ordered_attack`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flwr.app import Context, Message

from experiments.config.portable import pin_arithmetic
from frl.errors import InputError, RefusedError, unknown
from frl.exchange.messages import read_data_spec
from frl.simulation import simulated

if TYPE_CHECKING:
    from experiments.setup.resident import Resident

CLIENT, COPY, OWN, NAME = "partition-id", "data.copy", "data.path", "data.name"
ANY_CLIENT = -1
NOT_ALLOWED = (
    "the run's data are refused: this node trains on what its own config names (data.copy, "
    "data.path, data.name), or on a data set that the project knows by name"
)
_ABOUT_DATA, _ABOUT_ATTACKS = (COPY, OWN, NAME), ("attack", "attack-params", "attack-orders")


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
    """Refuse keys about data or attacks that mean nothing, so that none is passed over in silence.

    Raises
    ------
    InputError
        If there is one.
    """
    for key, value in node_config.items():
        for prefix, known in (("data", _ABOUT_DATA), ("attack", _ABOUT_ATTACKS)):
            if key.startswith(prefix) and key not in known:
                raise unknown("node config key", key, known)
        if key in _ABOUT_DATA and (not isinstance(value, str) or not value):
            takes = "the id of a data set" if key == NAME else "a folder"
            raise InputError(f"{key}: got {value!r}; takes {takes}")
        if key == "attack-orders" and not isinstance(value, bool):
            raise InputError(f"{key}: got {value!r}; takes true or false")
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
    if not simulated(node):
        require_permission(context.run_config, node)
    if OWN in node:
        data_spec = read_data_spec(message)
        if data_spec is None:
            raise InputError(f"{OWN}: the server does not say what data the run takes")
        own = (str(node[OWN]), data_spec_from(data_spec))
    return resident(context.run_config, str(node.get(COPY, "")), own)


def require_permission(run_config: Mapping[str, object], node_config: Mapping[str, object]) -> None:
    """Refuse data that a node's own config does not name; no folder is looked at before.

    Without ``data.copy`` or ``data.path`` a node loads the data sets that this project knows by
    name, and the one that its ``data.name`` names.

    Raises
    ------
    RefusedError
        If the run asks for another one, or for a folder.
    """
    from frl.data import is_known

    if COPY in node_config or OWN in node_config:
        return
    name = str(run_config.get("data.name", ""))
    allowed = is_known(name) or name == node_config.get(NAME)
    if run_config.get("data.path") or not allowed:
        raise RefusedError(NOT_ALLOWED)
