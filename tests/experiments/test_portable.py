"""Portable arithmetic: digests on record by kind of processor; a refusal where it is late."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.config import read
from experiments.config.portable import PINNED, pin_arithmetic
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.sweep.grid import Point
from experiments.sweep.sweep import sweep
from frl.errors import InputError
from tests.experiments.federation import Federation
from tests.experiments.portable_runs import RUNS, SMALL

ROOT = Path(__file__).parents[2]
ON_RECORD = Path(__file__).with_name("portable_digests.json")


@pytest.fixture(scope="module")
def here() -> dict[str, dict[str, str]]:
    """Make the reference runs in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.experiments.portable_runs"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        env={k: v for k, v in os.environ.items() if k not in PINNED},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


def test_the_digests_are_those_on_record_for_this_kind_of_processor(
    here: dict[str, dict[str, str]],
) -> None:
    made_by = here["made_by"]
    kind = f"{made_by['processor']}; torch {made_by['versions']['torch']}"  # type: ignore[index]
    known = json.loads(ON_RECORD.read_text(encoding="utf-8"))

    assert list(here["digests"]) == list(RUNS)
    assert made_by["instruction_set"] == "AVX2"
    if kind not in known:
        line = f"{json.dumps(kind)}: {json.dumps(here['digests'])}"
        pytest.skip(f"an unknown kind of processor; the line to add to {ON_RECORD.name}: {line}")
    assert here["digests"] == known[kind]


def test_a_run_of_a_sweep_has_it_too(here: dict[str, dict[str, str]], tmp_path: Path) -> None:
    point = Point(0, "rankings", read(None, SMALL), RunDirectory(tmp_path / "rankings"))

    (outcome,) = sweep([point])

    assert outcome.error == ""
    assert outcome.result is not None
    assert outcome.result["digest"] == here["digests"]["rankings"]
    assert outcome.result["made_by"]["instruction_set"] == "AVX2"


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_supernodes_have_the_digest_of_a_run_without_them(tmp_path: Path) -> None:
    small = dict(key.split("=") for key in SMALL) | {"clients": "2", "clients_per_round": "2"}
    keys = [f"{key}={value}" for key, value in small.items()]
    given = [word for key in keys for word in ("-o", key)]
    out = str(tmp_path / "alone")
    alone = subprocess.run(
        [sys.executable, "-m", "experiments.cli", "run", *given, "--out", out, "--json"],
        capture_output=True,
        text=True,
        check=True,
        env={k: v for k, v in os.environ.items() if k not in PINNED},
    )

    with Federation(tmp_path / "federation") as federation:
        federation.superlink()
        for client in range(2):
            federation.supernode(f"node{client}", f"partition-id={client}")
        federation.run(keys)
        found = federation.result()

    assert found["digest"] == json.loads(alone.stdout)["digest"]
    assert found["made_by"]["instruction_set"] == "AVX2"


def test_a_client_sets_the_arithmetic_before_anything_loads_torch() -> None:
    """As a SuperNode's process does, whose first message is one to train on."""
    program = """
import sys
from types import SimpleNamespace as Of

from experiments.setup.client import Answers

def resident_of(message, context):
    sys.exit("torch" in sys.modules)

message = Of(metadata=Of(message_type="train"))
Answers(resident_of).adversary(message, None, None)
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_it_is_refused_where_torch_is_loaded_with_other_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MKL_CBWR", "AUTO")
    wanted = "ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_CBWR=COMPATIBLE"

    with pytest.raises(InputError, match=f"torch is loaded with other settings; .* {wanted}$"):
        execute(read(None, SMALL), RunDirectory(tmp_path / "run"))

    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(InputError, match="takes an x86-64 processor; this one is aarch64"):
        pin_arithmetic()
