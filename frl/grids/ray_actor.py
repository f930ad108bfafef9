"""The worker process of the Ray engine: a resident client app and the last global states."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import ray
import torch
from flwr.app import ArrayRecord, Context, Message
from flwr.clientapp import ClientApp

from frl.grids.internals import identify_process
from frl.grids.local import RunConfig, client_context
from frl.grids.parcel import Failure, Reply, Request, flatten, join, restore, split
from frl.grids.side_by_side import describe_error, run_apps
from frl.registry.plugins import import_plugins

_STATES_KEPT = 2


class ClientActor:
    """Runs a client app for one message after another, on one thread.

    Parameters
    ----------
    client_app : ClientApp
    clients : int
    run_config : mapping
    plugins : sequence of str
        Modules that register parts; imported when the worker starts.
    """

    def __init__(
        self,
        client_app: ClientApp,
        clients: int,
        run_config: RunConfig,
        plugins: Sequence[str] = (),
    ) -> None:
        identify_process()
        torch.set_num_threads(1)
        self._app = client_app
        self._clients = clients
        self._run_config = run_config
        self._plugins = plugins
        self._states: OrderedDict[str, ArrayRecord] = OrderedDict()

    def use(self, client_app: ClientApp) -> None:
        """Run another client app on the messages to come."""
        self._app = client_app

    def ready(self) -> int:
        """Answer once the worker is up and has the plugins, with its process id.

        Raises
        ------
        InputError
            If one cannot be imported on this machine.
        """
        import_plugins(self._plugins)
        return os.getpid()

    def answer(self, requests: list[Request]) -> list[Reply]:
        """Run the app on the messages of a cohort."""
        try:
            opened = [self._open(request) for request in requests]
        except Exception as error:
            return [_failed(error)] * len(requests)
        replies = run_apps(self._app, opened)
        return [_reply(reply, context) for reply, (_, context) in zip(replies, opened, strict=True)]

    def _open(self, request: Request) -> tuple[Message, Context]:
        records = {name: self._record(ref) for name, ref in request.refs.items()}
        message = join(request.parcel, records)
        node = message.metadata.dst_node_id
        return message, client_context(node, self._clients, self._run_config, request.state)

    def _record(self, ref: Any) -> ArrayRecord:
        """Fetch an array record; the messages of a round share theirs, so it is kept."""
        key = ref.hex()
        if key not in self._states:
            self._states[key] = restore(ray.get(ref))
            while len(self._states) > _STATES_KEPT:
                self._states.popitem(last=False)
        return self._states[key]


def _reply(reply: Message | Exception, context: Context) -> Reply:
    if isinstance(reply, Exception):
        return _failed(reply)
    parcel, big = split(reply)
    flat = {name: flatten(record) for name, record in big.items()}
    return Reply(parcel, flat, context.state if len(context.state) else None, None)


def _failed(error: Exception) -> Reply:
    return Reply(None, {}, None, Failure(*describe_error(error)))
