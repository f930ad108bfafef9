"""Federated rank learning: clients rank the edges of a fixed random network, a server votes.

>>> import frl
>>> frl.client_app  # doctest: +ELLIPSIS
<function client_app at ...>
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from frl.errors import FRLError, InputError, StoppedError
from frl.registry.lazy import lazy_names
from frl.registry.own_packages import refuse_strangers

if TYPE_CHECKING:
    from frl.app.client_app import ShardApp, client_app
    from frl.app.evaluation import evaluate_on
    from frl.app.saving import save
    from frl.client import Client
    from frl.exchange.messages import digest
    from frl.grids import InProcessGrid, RayGrid
    from frl.model_file import load_model
    from frl.shard_transform import transformed
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "Client": "frl.client",
            "InProcessGrid": "frl.grids",
            "RayGrid": "frl.grids",
            "ShardApp": "frl.app.client_app",
            "client_app": "frl.app.client_app",
            "digest": "frl.exchange.messages",
            "evaluate_on": "frl.app.evaluation",
            "load_model": "frl.model_file",
            "save": "frl.app.saving",
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
