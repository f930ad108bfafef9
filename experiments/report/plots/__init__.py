"""Pictures of runs, by kind: each is one file in this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frl.registry import Registry
from frl.registry.lazy import lazy_names

if TYPE_CHECKING:
    from experiments.report.plots.base import Options, Plot, Runs
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "Options": "experiments.report.plots.base",
            "Plot": "experiments.report.plots.base",
            "Runs": "experiments.report.plots.base",
        },
    )

registry: Registry[Plot] = Registry("plot", "experiments.report.plots")
register = registry.register

__all__ = ["Options", "Plot", "Runs", "register", "registry"]
