"""Federated rank learning: clients rank the edges of a fixed random network, a server votes.

>>> import frl
>>> frl.client_app  # doctest: +ELLIPSIS
<function client_app at ...>
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from frl.errors import FRLError, InputError, StoppedError
from frl.lazy import lazy_names
from frl.own_packages import refuse_strangers

if TYPE_CHECKING:
    from frl.app import ShardApp, client_app
    from frl.client import Client
    from frl.exchange.messages import digest
    from frl.grids import InProcessGrid, RayGrid
    from frl.model_file import load_model
    from frl.saving import save
    from frl.shard_transform import transformed
    from frl.state_evaluation import evaluate_on
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "Client": "frl.client",
            "InProcessGrid": "frl.grids",
            "RayGrid": "frl.grids",
            "ShardApp": "frl.app",
            "client_app": "frl.app",
            "digest": "frl.exchange.messages",
            "evaluate_on": "frl.state_evaluation",
            "load_model": "frl.model_file",
            "save": "frl.saving",
            "transformed": "frl.shard_transform",
        },
    )

__all__ = [
    "Client",
    "FRLError",
    "InProcessGrid",
    "InputError",
    "RayGrid",
    "ShardApp",
    "StoppedError",
    "client_app",
    "digest",
    "evaluate_on",
    "load_model",
    "save",
    "transformed",
]

refuse_strangers(("attacks", "strategies"))
