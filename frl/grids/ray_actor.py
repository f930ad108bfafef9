"""The worker process of the Ray engine: a resident client app and the last global states."""

from __future__ import annotations

import traceback
from collections import OrderedDict
from typing import Any, NamedTuple

import ray
import torch
from flwr.app import ArrayRecord, RecordDict
from flwr.clientapp import ClientApp

from frl.grids.internals import identify_process
from frl.grids.local import RunConfig, client_context
from frl.grids.parcel import FlatRecord, Parcel, flatten, join, restore, split

_STATES_KEPT = 2


class Failure(NamedTuple):
    """A client app raised."""

    reason: str
    traceback: str


class Reply(NamedTuple):
    """What a worker hands back for one message."""

    parcel: Parcel | None
    big: dict[str, FlatRecord]
    state: RecordDict | None
    failure: Failure | None


class ClientActor:
    """Runs a client app for one message after another, on one thread.

    Parameters
    ----------
    client_app : ClientApp
    clients : int
    run_config : mapping
    """

    def __init__(self, client_app: ClientApp, clients: int, run_config: RunConfig) -> None:
        identify_process()
        torch.set_num_threads(1)
        self._app = client_app
        self._clients = clients
        self._run_config = run_config
        self._states: OrderedDict[str, ArrayRecord] = OrderedDict()

    def ready(self) -> int:
        """Answer once the worker is up, with its process id."""
        import os

        return os.getpid()

    def answer(self, parcel: Parcel, refs: dict[str, Any], state: RecordDict) -> Reply:
        """Run the app on one message.

        Parameters
        ----------
        parcel : Parcel
        refs : dict of str to ray.ObjectRef
            The message's array records.
        state : RecordDict
            Of this client's context.
        """
        try:
            message = join(parcel, {name: self._record(ref) for name, ref in refs.items()})
            node = message.metadata.dst_node_id
            context = client_context(node, self._clients, self._run_config, state)
            reply, big = split(self._app(message, context))
        except Exception as error:
            failure = Failure(f"{type(error).__name__}: {error}", traceback.format_exc())
            return Reply(None, {}, None, failure)
        flat = {name: flatten(record) for name, record in big.items()}
        return Reply(reply, flat, context.state if len(context.state) else None, None)

    def _record(self, ref: Any) -> ArrayRecord:
        """Fetch an array record; the messages of a round share theirs, so it is kept."""
        key = ref.hex()
        if key not in self._states:
            self._states[key] = restore(ray.get(ref))
            while len(self._states) > _STATES_KEPT:
                self._states.popitem(last=False)
        return self._states[key]
