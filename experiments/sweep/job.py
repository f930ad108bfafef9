"""A job of a sweep: one run in a process of its own, which reports its progress over a pipe.

The processes are forked from a server that has imported what a run needs, so a run starts at once;
one with ``engine.portable`` begins without torch, whose arithmetic it sets. It shares nothing with
the others, and dies with the one that started it.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from functools import partial
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.config.environment import be_quiet
from experiments.config.portable import PINNED
from frl.errors import InputError

if TYPE_CHECKING:
    from experiments.rounds.row import Row

LOG = "log.txt"
_IMPORTED = [
    "experiments.rounds.loop",
    "experiments.client_app",
    "sklearn.datasets",
    "torch.nn.utils",
]
_CLOSE_WITHIN = 15.0


def prepare() -> None:
    """Let the server that runs are forked from begin to import, while this process does other work.

    This module imports nothing heavy itself, so this can come first.
    """
    multiprocessing.get_context("forkserver").set_forkserver_preload(_IMPORTED)
    try:
        forkserver.ensure_running()
    except OSError as error:
        if "AF_UNIX" not in str(error):
            raise
        raise InputError(
            f"TMPDIR: {tempfile.gettempdir()} is too long for the sockets of a sweep; takes a "
            "folder with a shorter name, e.g. /tmp"
        ) from None


class Job:
    """A run under way in another process.

    Parameters
    ----------
    flat : mapping
        Its configuration, with dotted keys.
    path : Path
        Its run directory; a run that is there is carried on.
    track : sequence of str
        Trackers that it tells of itself.

    Attributes
    ----------
    messages : Connection
        Readable whenever there is something to :meth:`read`.
    """

    def __init__(
        self, flat: Mapping[str, bool | int | float | str], path: Path, track: Sequence[str] = ()
    ) -> None:
        context = _context(portable=bool(flat.get("engine.portable")))
        self.messages, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=_carry_out, args=(json.dumps(dict(flat)), str(path), list(track), theirs)
        )
        self._process.start()
        theirs.close()

    def read(self) -> dict[str, Any]:
        """Return the next message: a round, the result, or the error that ended the run."""
        try:
            found: dict[str, Any] = json.loads(self.messages.recv_bytes())
        except (EOFError, OSError):
            self._process.join()
            return {"error": _end(self._process.exitcode)}
        if "round" not in found:
            self._process.join()
        return found

    def stop(self) -> None:
        """Ask the run to end; it can be carried on from its last checkpoint."""
        self._process.terminate()

    def close(self) -> None:
        """Wait for the end of the process, and end it by force if it takes too long."""
        self._process.join(_CLOSE_WITHIN)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self.messages.close()


def _context(*, portable: bool) -> Any:
    """Return what starts a process: a fork, or for other arithmetic one without torch."""
    if portable:
        return multiprocessing.get_context("spawn")
    prepare()
    return multiprocessing.get_context("forkserver")


def _end(status: int | None) -> str:
    if status is not None and status < 0:
        name = signal.Signals(-status).name
        memory = "; out of memory?" if -status == signal.SIGKILL else ""
        return f"the process was killed by {name}{memory}"
    return f"the process ended with exit status {status}"


def _carry_out(flat: str, path: str, track: Sequence[str], messages: Connection) -> None:
    """Run or carry on, and send every round, and at the end the result and the seconds it took."""
    begun = time.perf_counter()
    if json.loads(flat).get("engine.portable"):
        os.environ.update(PINNED)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    _write_output_to(folder / LOG)
    be_quiet()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    threading.Thread(target=_end_with_the_other_side, args=(messages,), daemon=True).start()
    outcome = _outcome(flat, folder, track, messages)
    _send(messages, {**outcome, "seconds": time.perf_counter() - begun})
    sys.stdout.flush()
    sys.stderr.flush()


def _outcome(flat: str, folder: Path, track: Sequence[str], messages: Connection) -> dict[str, Any]:
    import torch
    from threadpoolctl import threadpool_limits

    from experiments.config import from_flat
    from experiments.records import RunDirectory
    from experiments.rounds.loop import execute
    from experiments.trackers import Tracking
    from frl.errors import FRLError

    threadpool_limits(1)
    torch.set_num_threads(1)
    directory = RunDirectory(folder)

    def tell(row: Row) -> None:
        _send(messages, {"round": row.round, "accuracy": row.accuracy})

    try:
        config = from_flat(json.loads(flat))
        with Tracking(track, config, directory) as tracking:
            result = execute(
                config,
                directory,
                resume=directory.begun(),
                watch=partial(tracking.watch, also=tell),
            )
            tracking.finish(result)
    except FRLError as error:
        return {"error": " ".join(str(error).split())}
    except KeyboardInterrupt:
        return {"error": "interrupted"}
    except Exception as error:
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}; see {folder / LOG}"}
    return {"result": result}


def _send(messages: Connection, message: dict[str, Any]) -> None:
    try:
        messages.send_bytes(json.dumps(message).encode())
    except OSError:
        raise KeyboardInterrupt from None


def _end_with_the_other_side(messages: Connection) -> None:
    """Interrupt the run when whoever started it is gone, and end it if that does not help."""
    try:
        messages.recv_bytes()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(_CLOSE_WITHIN)
        os._exit(1)


def _write_output_to(path: Path) -> None:
    """Send all that this process and its children print to a file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
