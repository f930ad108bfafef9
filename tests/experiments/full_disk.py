"""Run on a disk that fills up, then resume with more room; prints a JSON report.

The disk is a small tmpfs in a mount namespace of its own: start it by ``unshare -Urm``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from experiments.records import RunDirectory
from tests.experiments.test_run import SMALL, stable


def main(disk: Path, size: str) -> None:
    """Mount the disk, run, make room, resume."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], check=True)
    options = [part for pair in SMALL for part in ("-o", pair)]
    stopped = frl("run", *options, "--out", str(disk / "run"))
    run = RunDirectory(disk / "run")
    rows = len(run.rows())
    subprocess.run(["mount", "-o", "remount,size=50m", disk], check=True)
    resumed = frl("resume", str(disk / "run"))
    report = {
        "status": [stopped.returncode, resumed.returncode],
        "said": stopped.stderr.splitlines()[-1:],
        "traceback": "Traceback" in stopped.stderr,
        "rows_when_stopped": rows,
        "digest": (run.result() or {}).get("digest"),
        "rows": stable(run.rows()),
        "files": sorted(path.name for path in run.path.iterdir()),
    }
    sys.stdout.write(json.dumps(report))


def frl(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "experiments.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
