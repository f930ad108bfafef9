"""The check that the parts of a run that a script put together fit each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from flwr.app import ArrayRecord, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Result

from frl.app.client_app import ShardApp
from frl.app.evaluation import StateEvaluation
from frl.app.network import Network
from frl.errors import InputError
from frl.exchange.messages import read_arrays
from frl.exchange.plain import holds_ranks
from frl.grids import innermost

Evaluate: TypeAlias = Callable[[int, ArrayRecord], MetricRecord | None]


class ServerSide(NamedTuple):
    """A strategy as it describes its run; ``keep`` is ``None`` where it does not matter to it."""

    clients: int
    seed: int
    space: str
    keep: float | None = None


@dataclass(repr=False)
class FRLResult(Result):
    """The result of a strategy, and of what network it is the state.

    Attributes
    ----------
    app : ShardApp or None
        Of the clients, where it is known.
    seed : int
        Of the run.
    """

    app: ShardApp | None = None
    seed: int = 0


def client_app_of(grid: Grid) -> ShardApp | None:
    """Return the app that the clients of a grid run, where it is one of :func:`frl.client_app`."""
    app = getattr(innermost(grid), "client_app", None)
    return app if isinstance(app, ShardApp) else None


def agree(
    grid: Grid, arrays: ArrayRecord, server: ServerSide, evaluate: Evaluate | None
) -> Evaluate | None:
    """Refuse parts that do not fit, and return the evaluation of this run.

    Raises
    ------
    InputError
        If the strategy, the first state, the clients and the evaluation are not of one network and
        one population.
    """
    state = read_arrays(arrays)
    app = client_app_of(grid)
    space = "ranks" if holds_ranks(state) else "weights"
    if space != server.space:
        raise InputError(
            f"initial_arrays: holds {space}; the strategy takes {server.space}: see its initial()"
        )
    if app is not None:
        _require_clients(app, state, server)
    if isinstance(evaluate, StateEvaluation):
        return evaluate.completed(app.network if app else None, server.seed)
    return evaluate


def _require_clients(app: ShardApp, state: dict[str, Any], server: ServerSide) -> None:
    network: Network = app.network
    if server.clients != app.clients:
        raise InputError(
            f"clients: the strategy has {server.clients}, there are {app.clients} shards"
        )
    if network.space != server.space:
        raise InputError(
            f"method: clients train by {network.method!r} and send {network.space}; the strategy "
            f"takes {server.space}"
        )
    if server.keep is not None and server.space == "ranks" and server.keep != network.keep:
        raise InputError(
            f"keep: the strategy has {server.keep!r}, frl.client_app has {network.keep!r}"
        )
    layers = network.layers()
    found = {name: int(values.size) for name, values in state.items()}
    if found != layers:
        raise InputError(f"initial_arrays: has layers {found}; the clients' network has {layers}")
