"""The systemd units name options that exist, and start the commands of the walk-through."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.config.environment import QUIET

UNITS = sorted((Path(__file__).parents[1] / "docs" / "deploy").glob("*.service"))


def command_of(unit: Path) -> str:
    text = unit.read_text(encoding="utf-8").replace("\\\n", " ")
    return re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)[0]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_every_option_exists(unit: Path, tmp_path: Path) -> None:
    program, *rest = command_of(unit).split()
    found = shutil.which(Path(program).name, path=str(Path(sys.executable).parent))
    assert found is not None

    help_ = subprocess.run(
        [found, "--help"],
        env={**os.environ, **QUIET, "FLWR_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
    ).stdout

    options = [part for part in rest if part.startswith("--")]
    assert options
    for option in options:
        assert re.search(rf"^  {option}\b|[\[ ]{option}\b", help_, re.MULTILINE), option


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_them(unit: Path, tmp_path: Path) -> None:
    """With the program replaced by one that exists here."""
    copy = tmp_path / unit.name.replace("@", "@0")
    text = unit.read_text(encoding="utf-8")
    copy.write_text(re.sub(r"/opt/frl/bin/flower-\w+", shutil.which("true") or "", text))

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)],
        capture_output=True,
        text=True,
        timeout=600,
    )

    complaints = [line for line in done.stderr.splitlines() if copy.name in line]
    assert complaints == []
