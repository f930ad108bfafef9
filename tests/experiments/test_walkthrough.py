"""The walk-through of docs/deployment.md, word for word, and who is refused."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.config import read
from experiments.config.environment import QUIET
from experiments.records import CHECKPOINT, CURVE, RunDirectory, find_runs
from experiments.rounds.loop import execute
from tests.experiments.federation import PATIENCE, ROOT, free_port, kill_all, on_path, until

PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
KEYS = ["rounds=2", "clients=3", "clients_per_round=3", "train.epochs=1"]
BLOCKS = re.findall(r"```bash\n(.*?)```", PAGE.split("## Who is refused")[0], re.DOTALL)


def free_ports(count: int) -> int:
    """First of some free ports in a row."""
    while True:
        first = free_port()
        probes = [socket.socket() for _ in range(count)]
        try:
            for offset, probe in enumerate(probes):
                probe.bind(("127.0.0.1", first + offset))
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
        return first


class Reader:
    """Somebody who types the blocks of the page, one after another, in one shell."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **on_path(),
            **QUIET,
            "APP": str(ROOT),
            "PORT": str(free_port()),
            "NODE_PORT": str(free_ports(3)),
        }
        self._processes: list[subprocess.Popen[bytes]] = []

    def type(self, *blocks: str) -> str:
        script = "\n".join(["set -euo pipefail", *blocks])
        with (self.folder / "typed").open("ab") as log:
            shell = subprocess.Popen(
                ["bash", "-c", script],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes.append(shell)
        try:
            code = shell.wait(2 * PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(self.everything()) from None
        assert code == 0, self.everything()
        return (self.folder / "typed").read_text(errors="replace")

    def node(self, *options: str) -> subprocess.Popen[bytes]:
        """Start another SuperNode with some options; its log is ``other/log``."""
        (self.folder / "other").mkdir(exist_ok=True)
        with (self.folder / "other" / "log").open("wb") as log:
            node = subprocess.Popen(
                [
                    *("flower-supernode", "--superlink", f"127.0.0.1:{self.environment['PORT']}"),
                    *("--port", str(free_port()), "--node-config", "partition-id=2", *options),
                ],
                cwd=self.folder,
                env={**self.environment, "FLWR_HOME": str(self.folder / "other" / "flwr")},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes.append(node)
        return node

    def said(self) -> str:
        return (self.folder / "other" / "log").read_text(errors="replace")

    def everything(self) -> str:
        logs = [self.folder / "typed", *sorted(self.folder.glob("*/log"))]
        return "\n".join(f"--- {log}\n{log.read_text(errors='replace')}" for log in logs)

    def end(self) -> None:
        for path in self.folder.glob("*/pid"):
            kill_all(int(path.read_text()))
        for process in self._processes:
            kill_all(process.pid)
            process.wait(30)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    one = Reader(tmp_path / "page")
    one.folder.mkdir()
    yield one
    one.end()


def refused(reader: Reader, reason: str, *options: str, ends: bool) -> None:
    node = reader.node(*options)
    until(lambda: reason in reader.said(), lambda: reader.said(), patience=PATIENCE)
    if ends:
        assert node.wait(PATIENCE) != 0
    else:
        time.sleep(1)
        assert node.poll() is None
        kill_all(node.pid)
    assert "SuperNode ID" not in reader.said()


@pytest.mark.flower
@pytest.mark.timeout(1200)
def test_the_walk_through_word_for_word(reader: Reader, tmp_path: Path) -> None:
    expected = execute(read(None, KEYS), RunDirectory(tmp_path / "inprocess"))
    assert " ".join(f"-o {key}" for key in KEYS) in PAGE
    *steps, stop = BLOCKS
    assert stop.startswith("kill ")

    said = reader.type(*steps)

    runs = find_runs(reader.folder / "server" / "runs")
    assert len(runs) == 1, reader.everything()
    result = RunDirectory(runs[0]).result()
    assert result is not None, reader.everything()
    assert result["digest"] == expected["digest"]
    assert result["digest"] in said
    assert (runs[0] / CHECKPOINT).is_dir()
    assert CURVE in said
    pids = [int(path.read_text()) for path in reader.folder.glob("*/pid")]
    reader.type(stop)
    until(lambda: not any(map(alive, pids)), "not stopped", patience=PATIENCE)


@pytest.mark.flower
@pytest.mark.timeout(1200)
def test_who_is_refused(reader: Reader) -> None:
    *steps, run, _ = BLOCKS
    assert "flwr run" in run
    reader.type(*steps)
    logs = [reader.folder / f"node{i}" / "log" for i in range(3)]
    until(
        lambda: all(
            log.exists() and "SuperNode ID" in log.read_text(errors="replace") for log in logs
        ),
        reader.everything,
        patience=PATIENCE,
    )

    (reader.folder / "other").mkdir()
    reader.type(
        'ssh-keygen -q -t ecdsa -b 384 -N "" -f other/key',
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 "
        '-subj "/CN=FRL federation" -keyout other/ca.key -out other/ca.crt',
    )
    tls, other = (("--root-certificates", f"{place}/ca.crt") for place in ("server", "other"))
    connected, unknown = (
        ("--auth-supernode-private-key", f"{place}/key") for place in ("node0", "other")
    )
    refused(reader, "Failed to activate SuperNode", *tls, *unknown, ends=True)
    refused(reader, "Failed to activate SuperNode", *tls, *connected, ends=True)
    refused(reader, "must be registered via the CLI", *tls, ends=True)
    refused(reader, "Connection attempt failed", "--insecure", ends=False)
    refused(reader, "CERTIFICATE_VERIFY_FAILED", *other, *connected, ends=True)
    log = (reader.folder / "server" / "log").read_text(errors="replace")
    assert log.count("Activated node_id") == 3


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
