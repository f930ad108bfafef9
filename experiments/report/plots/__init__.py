"""Pictures of runs, by kind: each is one file in this package."""

from experiments.report.plots.base import Options, Plot, Runs
from frl.registry import Registry

registry: Registry[Plot] = Registry("plot", "experiments.report.plots")
register = registry.register

__all__ = ["Options", "Plot", "Runs", "register", "registry"]
