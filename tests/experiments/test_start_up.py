"""What the command line imports before it answers, and what it needs of the system."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = """
import sys
class Heavy:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "flwr", "ray"):
            print(f"imports {name}", file=sys.stderr)
sys.meta_path.insert(0, Heavy())
from experiments.cli import main
main()
"""
ELSEWHERE = """
import os, sys
sys.modules["fcntl"] = None
del os.sched_getaffinity
from experiments.cli import main
main()
"""


def python(program: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("--help", 0),
        ("list", 0),
        ("list attacks", 0),
        ("list rules", 0),
        ("list models", 0),
        ("list keys", 0),
        ("report nowhere", 2),
        ("plot nowhere -o x.png", 2),
        ("run nothing.toml", 2),
        ("run -o attack.name=foo", 2),
        ("run -o strategy.name=fedavg -o strategy.rule=krum -o strategy.fs=2", 2),
        ("run --track foo", 2),
        ("run --no-such-option", 2),
        ("resume nowhere", 2),
        ("sweep nothing.toml", 2),
        ("certify nowhere", 2),
        ("export nowhere -o x", 2),
        ("cost --run nowhere", 2),
    ],
)
def test_neither_torch_nor_flower_nor_ray_is_imported(
    tmp_path: Path, line: str, status: int
) -> None:
    done = python(HEAVY, *line.split(), cwd=tmp_path)

    assert done.returncode == status, done.stderr
    assert "imports" not in done.stderr
    assert status == 0 or len(done.stderr.splitlines()) == 1


def test_it_runs_where_there_is_no_fcntl_and_no_affinity(tmp_path: Path) -> None:
    keys = ["rounds=1", "clients=4", "clients_per_round=2", "train.epochs=1"]
    options = [word for key in keys for word in ("-o", key)]

    done = python(ELSEWHERE, "run", *options, "--out", "run", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "result.json").exists()
