"""Long runs under random kills, in a process of their own."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.config import read
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from tests.experiments.killed_anywhere import HARD
from tests.experiments.test_run import stable

pytestmark = pytest.mark.soak

KILLS = int(os.environ.get("FRL_SOAK_KILLS", "40"))
ROOT = Path(__file__).parents[2]


def test_a_run_killed_again_and_again_ends_the_same(tmp_path: Path) -> None:
    overrides = [*HARD, "rounds=100"]
    expected = RunDirectory(tmp_path / "reference")
    result = execute(read(None, overrides), expected)
    run = RunDirectory(tmp_path / "killed")
    rng = random.Random(0)
    command = [sys.executable, "-m", "experiments.cli"]
    options = [part for pair in overrides for part in ("-o", pair)]

    kills = 0
    while run.result() is None:
        begin = ["run", *options, "--out", str(run.path)]
        arguments = ["resume", str(run.path)] if run.begun() else begin
        rounds = len(run.rows())
        process = subprocess.Popen(
            [*command, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        while kills < KILLS and process.poll() is None and len(run.rows()) <= rounds:
            time.sleep(0.02)
        if kills < KILLS:
            time.sleep(rng.uniform(0, 0.5))
            process.send_signal(signal.SIGKILL)
        _, err = process.communicate(timeout=600)
        kills += process.returncode == -signal.SIGKILL
        assert process.returncode in (0, -signal.SIGKILL), err[-2000:]
    (tmp_path / "kills").write_text(str(kills))

    found = run.result()
    assert found is not None
    assert found["digest"] == result["digest"]
    assert stable(run.rows()) == stable(expected.rows())
    assert kills >= KILLS // 2
