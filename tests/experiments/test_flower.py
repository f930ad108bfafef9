"""The same experiment under Flower's own simulation runtime, started as a user starts it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.config import read
from experiments.config.environment import QUIET
from experiments.records import RunDirectory
from experiments.rounds.loop import execute

ROOT = Path(__file__).parents[2]
KEYS = [
    *("rounds=2", "clients=6", "clients_per_round=3", "train.epochs=1"),
    *("attack.name='own_reversal'", "attack.fraction=0.5"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def flower(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Environment of a Flower home and a local SuperLink of our own, ended afterwards."""
    home = tmp_path / "home"
    environment = {
        **os.environ,
        **QUIET,
        "FLWR_HOME": str(home),
        "FLWR_LOCAL_SUPERLINK_HTTP_API_PORT": str(free_port()),
        "FRL_RUNS": str(tmp_path / "runs"),
        "RAY_ADDRESS": "local",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    yield environment
    for process in Path("/proc").glob("[0-9]*"):
        try:
            ours = f"FLWR_HOME={home}".encode() in (process / "environ").read_bytes()
        except OSError:
            continue
        if ours:
            os.kill(int(process.name), signal.SIGKILL)


@pytest.mark.flower
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc to clean up")
def test_flwr_run_gives_the_digest_of_the_in_process_run_attack_included(
    flower: dict[str, str], tmp_path: Path
) -> None:
    config = read(None, KEYS)
    expected = execute(config, RunDirectory(tmp_path / "inprocess"))
    assert shutil.which("flwr", path=flower["PATH"]), "flwr is not installed beside this python"

    def flwr_run(*federation: str, timeout: int) -> str:
        done = subprocess.run(
            ["flwr", "run", str(ROOT), "--stream", *federation, "-c", " ".join(KEYS)],
            cwd=tmp_path,
            env=flower,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        return done.stdout + done.stderr

    alone = flwr_run(timeout=600)
    nodes = "num-supernodes=6 client-resources-num-cpus=1"
    said = flwr_run("--federation-config", nodes, timeout=600)

    assert "frl: clients: 6 expected, and Flower's simulation has 2 nodes" in alone, alone
    assert f'--federation-config "{nodes}"' in alone
    results = list((tmp_path / "runs").glob("flower-*/result.json"))
    assert len(results) == 1, said
    result = json.loads(results[0].read_text())
    assert result["digest"] == expected["digest"]
    assert result["rejected"] == {}
    assert any(row["malicious"] for row in RunDirectory(results[0].parent).rows())
    assert (results[0].parent / "curve.png").exists()
