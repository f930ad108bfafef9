"""The server of the view: on this machine's loopback, until it is interrupted."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from experiments.report.view.app import view_app
from experiments.report.view.reading.index import Index
from frl.errors import InputError

LOOPBACK = "127.0.0.1"


def serve(index: Index, port: int, ready: Callable[[str], object]) -> None:
    """Answer requests until interrupted.

    Parameters
    ----------
    index : Index
    port : int
        0: any that is free.
    ready : callable
        Told the address once it can be called.

    Raises
    ------
    InputError
        If the port is taken.
    """
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((LOOPBACK, port))
        except OSError as error:
            raise InputError(f"--port {port}: {error.strerror}; 0 takes one that is free") from None
        door.listen()
        ready(f"http://{LOOPBACK}:{door.getsockname()[1]}/")
        settings = uvicorn.Config(
            view_app(index), log_level="warning", access_log=False, lifespan="off", ws="none"
        )
        uvicorn.Server(settings).run(sockets=[door])
