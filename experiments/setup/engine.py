"""The engine of a run, from its configuration."""

from __future__ import annotations

import logging

import torch
from flwr.clientapp import ClientApp

from experiments.config import Config, flatten
from frl.cores import usable_cores
from frl.grids import InProcessGrid, LocalGrid, RayGrid

log = logging.getLogger(__name__)

_MOST_AT_ONCE = 64
_MUCH = 64 * 2**20
"""Bytes of clients' memory that are worth a word."""


def make_grid(config: Config, app: ClientApp | None = None) -> LocalGrid:
    """Start the engine of a configuration.

    Parameters
    ----------
    config : Config
    app : ClientApp, optional
        What clients do; by default that of :mod:`experiments.client_app`.

    Raises
    ------
    InputError
        If there is less than it asks for.
    """
    from experiments.setup.client import app as configured

    app = app or configured
    engine, flat = config.engine, flatten(config)
    log.info("clients run on %s", describe(config))
    if engine.name == "ray":
        return RayGrid(
            app,
            config.clients,
            flat,
            workers=workers(config),
            num_gpus=engine.num_gpus,
            address=engine.address,
            cohort=cohort(config),
            plugins=config.plugins,
        )
    return InProcessGrid(app, config.clients, flat, cohort=cohort(config))


def warn_of_residuals(config: Config, values: int) -> None:
    """Say before a run how much memory the residuals of ``strategy.upload_top`` may come to.

    What a client does not upload is remembered here for each client that was ever asked.

    Parameters
    ----------
    config : Config
    values : int
        Of a global state, four bytes each.
    """
    strategy = config.strategy
    if strategy.method.space != "weights" or strategy.upload_top >= 1:
        return
    clients = min(config.clients, config.rounds * config.clients_per_round)
    if (held := 4 * values * clients) >= _MUCH:
        log.warning(
            "strategy.upload_top: what clients do not upload is remembered for each of up to %d of "
            "them: %.0f MB in memory, and in every checkpoint",
            clients,
            held / 2**20,
        )


def workers(config: Config) -> int:
    """Return the number of processes that train: by default one a core."""
    if config.engine.name != "ray":
        return 1
    return config.engine.workers or usable_cores()


def cohort(config: Config) -> int:
    """Return the number of clients that a process is handed at once.

    Where it is left open on CUDA, each process gets its share of a round, and trains as many of
    them together as its memory holds.
    """
    if config.engine.cohort or torch.device(config.engine.device).type != "cuda":
        return config.engine.cohort or 1
    return min(_MOST_AT_ONCE, -(-config.clients_per_round // workers(config)))


def describe(config: Config) -> str:
    """Say where clients run: engine, workers, device."""
    device = config.engine.device
    if device.startswith("cuda") and torch.cuda.is_available():
        device = f"{device} ({torch.cuda.get_device_name(device)})"
    if config.engine.name != "ray":
        return f"{config.engine.name}, {device}"
    where = f" of {config.engine.address}" if config.engine.address else ""
    return f"ray, {workers(config)} workers{where}, {device}"
