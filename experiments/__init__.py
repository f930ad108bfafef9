"""Experiments: clients, strategies and attacks put together, run, recorded and plotted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frl.registry.lazy import lazy_names

if TYPE_CHECKING:
    from experiments.api import run
    from experiments.config import Config, flatten, read
    from experiments.records import RunDirectory, load
    from experiments.report.plotting import accuracy_curves
    from experiments.rounds.loop import execute
    from experiments.rounds.row import Row
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "Config": "experiments.config",
            "Row": "experiments.rounds.row",
            "RunDirectory": "experiments.records",
            "accuracy_curves": "experiments.report.plotting",
            "execute": "experiments.rounds.loop",
            "flatten": "experiments.config",
            "load": "experiments.records",
            "read": "experiments.config",
            "run": "experiments.api",
        },
    )

__all__ = [
    "Config",
    "Row",
    "RunDirectory",
    "accuracy_curves",
    "execute",
    "flatten",
    "load",
    "read",
    "run",
]
