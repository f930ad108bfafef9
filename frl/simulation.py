"""Whether a client app runs in a simulation, beside its server, or on a machine of its own."""

from __future__ import annotations

import sys
from collections.abc import Mapping

SIMULATED = "simulated"
"""Key of a node config: this node is a virtual client of whoever runs the server."""
_FLOWER = "flwr.simulation"


def simulated(node_config: Mapping[str, object]) -> bool:
    """Whether a node belongs to whoever runs the server, and so may do whatever that one asks.

    Our own engines say so in the node config; a worker of Flower's simulation is a process that
    Ray started for it, which no ClientApp of a SuperNode is. Nothing that a server sends counts.

    Parameters
    ----------
    node_config : mapping
        Of the client app's context.
    """
    if node_config.get(SIMULATED) is True:
        return True
    ray = sys.modules.get("ray")
    return _FLOWER in sys.modules and ray is not None and bool(ray.is_initialized())
