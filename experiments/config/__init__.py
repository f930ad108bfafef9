"""The configuration of a run: its tables, its files, and grids of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frl.registry.lazy import lazy_names

if TYPE_CHECKING:
    from experiments.config.configuration import (
        ENGINES,
        FLOWER_KEYS,
        Config,
        Scalar,
        dump,
        flatten,
        from_flat,
        of_flower_run,
        read,
        recorded,
    )

__all__ = [
    "ENGINES",
    "FLOWER_KEYS",
    "Config",
    "Scalar",
    "dump",
    "flatten",
    "from_flat",
    "of_flower_run",
    "read",
    "recorded",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_names(__name__, dict.fromkeys(__all__, "experiments.config.configuration"))
