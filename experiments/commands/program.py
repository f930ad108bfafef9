"""The command as it can be typed here: ``frl``, or the path by which this one was called."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import which


def typed(arguments: str) -> str:
    """Return a command that works as it is printed, whether or not the environment is activated."""
    called = Path(sys.argv[0])
    outside = called.name == "frl" and which("frl") is None
    return f"{called if outside else 'frl'} {arguments}"
