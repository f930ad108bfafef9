"""Starting Ray: quiet, on loopback without a dashboard, or joining a cluster that is there."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from typing import Any

from frl.errors import InputError, StoppedError
from frl.grids.ray_errors import last_line
from frl.registry.own_packages import PACKAGES, refuse_strangers, worker_path

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}
_LOOPBACK = "127.0.0.1"
_PATIENCE = 10.0


def be_quiet() -> None:
    """Set what keeps Ray quiet, unless the user has set it; before Ray is imported."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)


def start_ray(workers: int, address: str) -> None:
    """Start Ray on this machine alone, or join a cluster.

    Signals are handled as before: Ray would take over SIGTERM.

    Parameters
    ----------
    workers : int
        CPUs of a Ray started here.
    address : str
        Of a running cluster; empty to start one.

    Raises
    ------
    InputError
        If there is no cluster at the address, or a folder here would hide one of our packages from
        the workers, which look in the current folder first.
    StoppedError
        If Ray does not start here.
    """
    import ray

    refuse_strangers(PACKAGES, worker_path())
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    before = signal.getsignal(signal.SIGTERM)
    if address:
        _check_address(address)
        try:
            ray.init(address=address, **quiet)
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"engine.address: no Ray at {address!r}: {reason}") from None
    else:
        try:
            ray.init(
                "local",
                num_cpus=workers,
                include_dashboard=False,
                _node_ip_address=_LOOPBACK,
                **quiet,
            )
        except Exception as error:
            raise StoppedError(f"Ray does not start on this machine: {last_line(error)}") from None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)


def check_resources(workers: int, num_gpus: float) -> None:
    """Refuse at once what Ray would wait for without end.

    Parameters
    ----------
    workers : int
    num_gpus : float
        Share of a GPU for each worker.

    Raises
    ------
    InputError
        If Ray offers less.
    """
    import ray

    offered: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    for name, share in (("CPU", 1.0), ("GPU", num_gpus)):
        there = offered.get(name, 0.0)
        if share * workers > there + 1e-9:
            where = "engine.num_gpus" if name == "GPU" else "engine.workers"
            raise InputError(
                f"{where}: {workers} workers x {share:g} {name} asked, {there:g} there; "
                f"takes at most {int(there / share)} workers"
            )


def _check_address(address: str) -> None:
    """Refuse at once an address where nothing listens: Ray would try again for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"engine.address: no Ray at {address!r}: {error}") from None
