"""Where else a run is recorded, if asked: each sink is one file in this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frl.lazy import lazy_attributes
from frl.registry import Registry

if TYPE_CHECKING:
    from experiments.trackers.base import Tracker, metrics
    from experiments.trackers.tracking import Tracking
else:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "experiments.trackers.base": ("Tracker", "metrics"),
            "experiments.trackers.tracking": ("Tracking",),
        },
    )

registry: Registry[Tracker] = Registry("tracker", "experiments.trackers")
register = registry.register

__all__ = ["Tracker", "Tracking", "metrics", "register", "registry"]
