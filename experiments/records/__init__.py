"""Run directories: what a run writes, and reading it back."""

from experiments.records.directory import CHECKPOINT, CURVE, RunDirectory
from experiments.records.reading import find_runs, load, meaningless, unfinished
from experiments.records.record import CONFIG, RESULT, ROUNDS

__all__ = [
    "CHECKPOINT",
    "CONFIG",
    "CURVE",
    "RESULT",
    "ROUNDS",
    "RunDirectory",
    "find_runs",
    "load",
    "meaningless",
    "unfinished",
]
