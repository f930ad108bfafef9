"""Many runs from one file: named variations of a base configuration, over seeds.

A grid file is TOML::

    base = "mnist_lenet.toml"        # beside the grid file; optional
    seeds = [0, 1, 2]
    set = ["rounds=60"]              # overrides of every run; optional

    [runs]
    clean = []
    reversal = ["attack.name=reversal", "attack.fraction=0.2"]

A run lives in a folder named by its variation and seed and is known by its complete
configuration, so it is never taken for another; what is finished is not run again and what was
stopped is carried on.
"""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

from experiments import config as configuration
from experiments.config import Config
from experiments.records import RunDirectory
from frl.errors import InputError, StoppedError, unknown

log = logging.getLogger(__name__)

_KEYS = ("base", "seeds", "set", "runs")
Execute = Callable[[Config, RunDirectory, bool], dict[str, Any]]
"""Runs a configuration in a directory, or resumes it, and returns the result."""


class Point(NamedTuple):
    """One run of a grid."""

    name: str
    config: Config
    directory: RunDirectory


def read_grid(path: Path, out: Path, overrides: Sequence[str] = ()) -> list[Point]:
    """Read a grid file.

    Parameters
    ----------
    path : Path
    out : Path
        Folder of the runs.
    overrides : sequence of str
        Applied to every run after the grid's own.

    Raises
    ------
    InputError
        If a run of the grid is wrong; nothing is started then.
    """
    try:
        grid = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: {error}") from None
    for key in grid:
        if key not in _KEYS:
            raise unknown(f"key of grid {path}", key, _KEYS)
    runs, seeds, common = grid.get("runs", {}), grid.get("seeds", [0]), grid.get("set", [])
    if not isinstance(runs, dict) or not runs:
        raise InputError(f"{path}: runs: takes a table of names with lists of overrides")
    base = path.parent / grid["base"] if "base" in grid else None
    points = []
    for name, variation in runs.items():
        for seed in seeds:
            chosen = [*common, *variation, f"seed={seed}", *overrides]
            directory = RunDirectory(out / name / f"seed-{seed}")
            points.append(Point(name, configuration.read(base, chosen), directory))
    return points


def sweep(points: Sequence[Point], execute: Execute) -> Iterator[tuple[Point, dict[str, Any]]]:
    """Run what is not finished, one after another; yield each run with its result.

    A run that fails on its input, or stops, is logged and left out; the others go on.

    Raises
    ------
    InputError
        If a folder holds a run of another configuration.
    """
    for point in points:
        there = (point.directory.path / "config.toml").exists()
        if there and point.directory.config() != point.config:
            raise InputError(
                f"{point.directory.path} holds a run of another configuration; choose another --out"
            )
        result = point.directory.result()
        try:
            yield point, result or execute(point.config, point.directory, there)
        except (InputError, StoppedError) as error:
            log.error("%s: %s", point.directory.path, error)


class Summary(NamedTuple):
    """Results of one variation over its seeds; accuracies in percent."""

    name: str
    seeds: int
    accuracy: float
    spread: float | None
    best: float
    attack_success: float | None
    rejected: int


def summarise(results: Sequence[tuple[Point, dict[str, Any]]]) -> list[Summary]:
    """Average over seeds, in the order of the grid."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for point, result in results:
        by_name.setdefault(point.name, []).append(result)
    rows = []
    for name, found in by_name.items():
        accuracies = [100 * result["accuracy"] for result in found]
        successes = [result["attack_success_rate"] for result in found]
        known = [100 * success for success in successes if success is not None]
        rows.append(
            Summary(
                name=name,
                seeds=len(found),
                accuracy=mean(accuracies),
                spread=stdev(accuracies) if len(found) > 1 else None,
                best=mean(100 * result["best_accuracy"] for result in found),
                attack_success=mean(known) if known else None,
                rejected=sum(sum(result["rejected"].values()) for result in found),
            )
        )
    return rows


def markdown(rows: Sequence[Summary]) -> str:
    """Render summaries as a Markdown table."""
    lines = [
        "| run | seeds | accuracy % | best % | attack success % | rejected |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        spread = "" if row.spread is None else f" ± {row.spread:.2f}"
        success = "" if row.attack_success is None else f"{row.attack_success:.1f}"
        lines.append(
            f"| {row.name} | {row.seeds} | {row.accuracy:.2f}{spread} | {row.best:.2f} | "
            f"{success} | {row.rejected} |"
        )
    return "\n".join(lines) + "\n"
