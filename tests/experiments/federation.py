"""A SuperLink and SuperNodes as real processes on loopback, each with a Flower home of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.config.environment import QUIET
from experiments.records import RunDirectory

ROOT = Path(__file__).parents[2]
_BEGUN = "Successfully started run"
PATIENCE = float(os.environ.get("FRL_TEST_PATIENCE", "600"))
"""Seconds to wait for anything; machines are slow and shared."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def on_path() -> dict[str, str]:
    """Our environment, with the commands of this Python found first and this checkout not."""
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**inherited, "PATH": path}


def until(happened: Callable[[], Any], what: Callable[[], str] | str, *, patience: float) -> Any:
    deadline = time.monotonic() + patience
    while not (found := happened()):
        assert time.monotonic() < deadline, what if isinstance(what, str) else what()
        time.sleep(0.1)
    return found


def kill_all(pid: int) -> None:
    """Kill a process and everything that it started, by their ids."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    started = list(descendants(pid))
    for each in (pid, *started):
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def descendants(pid: int) -> Iterator[int]:
    """Processes that a process started, and that these started."""
    for process in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = process.read_text().rpartition(")")[2].split()[1]
            if int(parent) == pid:
                yield int(process.parent.name)
                yield from descendants(int(process.parent.name))


class Federation:
    """Everything lives in one folder; every process is ended by its id when the block is left.

    Attributes
    ----------
    processes : dict of str to Popen
        What runs, by name of the machine.
    variables : dict of str to dict
        Further environment variables of a machine, by its name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.variables: dict[str, dict[str, str]] = {}
        self.home("user")
        (folder / "user" / "home" / "config.toml").write_text(
            f'[superlink]\ndefault = "lab"\n[superlink.lab]\naddress = "127.0.0.1:{self.port}"\n'
            "insecure = true\n"
        )

    def __enter__(self) -> Federation:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.processes):
            self.kill(name)

    def home(self, name: str) -> Path:
        """Working folder of a machine."""
        place = self.folder / name
        (place / "home").mkdir(parents=True, exist_ok=True)
        return place

    def environment(self, name: str) -> dict[str, str]:
        """Variables of a machine: quiet, with a Flower home and a PATH that finds flwr."""
        return {
            **on_path(),
            **QUIET,
            "FLWR_HOME": str(self.home(name) / "home"),
            "FRL_RUNS": str(self.folder / "runs"),
            **self.variables.get(name, {}),
        }

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a process that stays, in a process group of its own; its log is ``NAME/log``."""
        with (self.home(name) / "log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=self.home(name),
                env=self.environment(name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.processes[name]

    def log(self, name: str) -> str:
        """What a process has written so far."""
        return (self.home(name) / "log").read_text(errors="replace")

    def kill(self, name: str) -> None:
        """Kill a process and its children, as a power cut would."""
        process = self.processes.pop(name)
        kill_all(process.pid)
        process.wait(30)

    def superlink(self, *options: str) -> None:
        """Start the SuperLink and wait until it listens."""
        log = self.home("superlink") / "log"
        listened = self.log("superlink").count("Uvicorn running") if log.exists() else 0
        self.start(
            "superlink",
            "flower-superlink",
            *(options or ("--insecure",)),
            *("--host", "127.0.0.1", "--port", str(self.port)),
            *("--database", str(self.home("superlink") / "state.db")),
            "--disable-runtime-dependency-installation",
        )
        self.await_log("superlink", "Uvicorn running", times=listened + 1)

    def supernode(
        self, name: str, config: str, *options: str, superlink: int | None = None
    ) -> None:
        """Start a SuperNode."""
        self.start(
            name,
            "flower-supernode",
            *(options or ("--insecure",)),
            *("--superlink", f"127.0.0.1:{superlink or self.port}"),
            *("--host", "127.0.0.1", "--port", str(free_port())),
            *("--node-config", config),
        )

    def await_log(self, name: str, text: str, *, times: int = 1) -> None:
        """Wait until a process has written something."""

        def written() -> bool:
            ended = self.processes[name].poll()
            found = self.log(name).count(text) >= times
            assert found or not ended, f"{name} ended with {ended}:\n{self.log(name)}"
            return found

        until(written, lambda: f"{name} never wrote {text!r}:\n{self.log(name)}", patience=PATIENCE)

    def run(
        self,
        keys: Sequence[str],
        *options: str,
        connection: str = "lab",
        app: Path = ROOT,
    ) -> None:
        """Submit a run; what it logs is the log of ``run``."""
        log = self.home("run") / "log"
        begun = log.read_text(errors="replace").count(_BEGUN) if log.exists() else 0
        shutil.copytree(self.home("user"), self.home("run"), dirs_exist_ok=True)
        given = ("-c", " ".join(keys)) if keys else ()
        self.start("run", "flwr", "run", str(app), connection, "--stream", *options, *given)
        self.await_log("run", _BEGUN, times=begun + 1)

    def directory(self) -> RunDirectory:
        """The newest run directory, once there is one."""

        def newest() -> list[Path]:
            found = (self.folder / "runs").glob("*/config.toml")
            return sorted(found, key=lambda path: path.stat().st_mtime)

        found = until(newest, lambda: f"no run began:\n{self.everything()}", patience=PATIENCE)
        return RunDirectory(found[-1].parent)

    def rows(self, number: int) -> list[dict[str, Any]]:
        """Rows of the newest run, once there are so many."""
        directory = self.directory()
        return until(
            lambda: len(rows := directory.rows()) >= number and rows,
            lambda: f"{len(directory.rows())} of {number} rounds:\n{self.everything()}",
            patience=PATIENCE,
        )

    def await_row(self, right: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for a row, among those that are not there yet, and return it."""
        directory = self.directory()
        past = len(directory.rows())

        def found() -> dict[str, Any] | None:
            return next(filter(right, directory.rows()[past:]), None)

        return until(found, lambda: f"{directory.rows()[past:]}", patience=2 * PATIENCE)

    def result(self) -> dict[str, Any]:
        """Result of the newest run, once it is there."""
        directory = self.directory()
        return until(
            directory.result, lambda: f"no result:\n{self.everything()}", patience=PATIENCE
        )

    def everything(self) -> str:
        """All logs, for a failed assertion."""
        logs = sorted(self.folder.glob("*/log"))
        return "\n".join(f"--- {log.parent.name}\n{self.log(log.parent.name)}" for log in logs)


def without_seconds(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows without what differs between two runs of the same configuration."""
    unstable = ("seconds", "train_seconds", "eval_seconds")
    kept = [{key: row[key] for key in row if key not in unstable} for row in rows]
    return json.loads(json.dumps(kept))
