"""Trackers: further places where a run is recorded, one file each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frl.registry import Registry
from frl.registry.lazy import lazy_names

if TYPE_CHECKING:
    from experiments.trackers.base import Tracker, metrics
    from experiments.trackers.tracking import Tracking
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "Tracker": "experiments.trackers.base",
            "Tracking": "experiments.trackers.tracking",
            "metrics": "experiments.trackers.base",
        },
    )

registry: Registry[Tracker] = Registry("tracker", "experiments.trackers")
register = registry.register

__all__ = ["Tracker", "Tracking", "metrics", "register", "registry"]
