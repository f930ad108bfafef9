"""Processor cores that this process may use."""

from __future__ import annotations

import psutil


def usable_cores() -> int:
    """Count the cores this process may run on; all of them where the system cannot confine it."""
    process = psutil.Process()
    if hasattr(process, "cpu_affinity"):
        return len(list(process.cpu_affinity()))
    return psutil.cpu_count() or 1
