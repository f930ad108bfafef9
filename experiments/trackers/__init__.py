"""Where else a run is recorded, if asked: each sink is one file in this package."""

from experiments.trackers.base import Tracker, metrics
from experiments.trackers.tracking import Tracking
from frl.registry import Registry

registry: Registry[Tracker] = Registry("tracker", "experiments.trackers")
register = registry.register

__all__ = ["Tracker", "Tracking", "metrics", "register", "registry"]
