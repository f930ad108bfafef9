"""Variables that keep Flower and Ray quiet and on this machine, unless the user has set them."""

from __future__ import annotations

import os

QUIET = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


def be_quiet() -> None:
    """Set what is not set: no telemetry, no update check, no installation, loopback only."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
