"""The configuration of a run: its tables, its files, and grids of runs."""

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
