"""What made a result: versions, commit, processor, instruction set, threads and device."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from experiments.config import Config
from experiments.setup.engine import describe

_PACKAGES = {"frl": "federated-rank-learning"} | {
    name: name for name in ("torch", "numpy", "flwr", "ray")
}


def made_by(config: Config) -> dict[str, Any]:
    """Return it for a run of a configuration in this process."""
    return {
        "versions": versions(),
        "commit": commit(),
        "processor": processor(),
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "portable": config.engine.portable,
        "threads": torch.get_num_threads(),
        "device": describe(config),
    }


@cache
def versions() -> dict[str, str | None]:
    """Return the version of each package that a result depends on; ``None`` if it is absent."""
    return {"python": platform.python_version()} | {
        name: _version(package) for name, package in _PACKAGES.items()
    }


@cache
def commit() -> str | None:
    """Return the commit of this checkout, with ``-dirty`` where files differ; ``None`` outside."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(  # noqa: S603
            [*command, "--exclude=*"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


@cache
def processor() -> str:
    """Return the kind of this machine's processor: maker, family, model and name."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return " ".join((platform.machine(), platform.processor())).strip()
    first = text.split("\n\n")[0].splitlines()
    about = {
        key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first)
    }
    kind = [
        about[key] for key in ("vendor_id", "cpu family", "model", "model name") if key in about
    ]
    return ", ".join(kind) or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
