"""A grid file: every point of a comparison, as a complete configuration.

A grid file is TOML; whatever it names is combined with everything else::

    base = "mnist_lenet.toml"        # beside the grid file; optional
    seeds = [0, 1, 2]
    set = ["rounds=60"]              # overrides of every run; optional

    [runs]                           # named variations
    clean = []
    reversal = ["attack.name=reversal", "attack.fraction=0.2"]

    [blocks.rule]                    # more of them, as many axes as wanted
    frl = []
    median = { strategy.name = "fedavg", strategy.rule = "median" }

    [lists]                          # every value of a key
    data.alpha = [0.1, 1.0, 10.0]

A point lives in a folder named by its variations and its seed, but it is known by its complete
configuration: that decides whether it is done, wherever below the folder of the sweep it lies.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from experiments import config as configuration
from experiments.config import Config
from experiments.config.file import found, read_tables
from experiments.config.located import located
from experiments.records import RunDirectory, find_runs
from experiments.records.places import is_run, refuse_inside
from frl.errors import InputError, unknown

_KEYS = ("base", "seeds", "set", "runs", "blocks", "lists")
_NAME = re.compile(r"[\w.+=@~-]*[\w+=@~-]")

_Choice = tuple[str, list[str]]
"""A name and the overrides it stands for."""


class Point(NamedTuple):
    """One run of a grid; ``order`` is its place in it."""

    order: int
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

    Returns
    -------
    list of Point
        Each configuration once, in the order of the file, seeds innermost.

    Raises
    ------
    InputError
        If a run of the grid is wrong, or a folder is taken by another; nothing is started then.
    """
    path = found(path)
    grid = _tables(path)
    seeds, common = grid.get("seeds", [0]), _overrides(path, "set", grid.get("set", []))
    if not isinstance(seeds, list) or not seeds or any(type(seed) is not int for seed in seeds):
        raise InputError(f"{path}: seeds: got {seeds!r}; takes a list of whole numbers")
    axes = list(_axes(path, grid))
    if not axes:
        raise InputError(f"{path}: takes at least one of the tables runs, blocks and lists")
    base = path.parent / str(grid["base"]) if "base" in grid else None
    if is_run(out):
        raise InputError(f"{out} holds a run; choose another --out")
    refuse_inside(out)
    there = {directory.config(): directory for directory in map(RunDirectory, find_runs(out))}
    points: dict[Config, Point] = {}
    for choices in itertools.product(*axes):
        name = "-".join(label for label, _ in choices)
        varied = [override for _, variation in choices for override in variation]
        for seed in seeds:
            given = [*common, *varied, f"seed={seed}", *overrides]
            config = located(_config(path, name, base, given))
            directory = there.get(config, RunDirectory(out / name / f"seed-{config.seed}"))
            points.setdefault(config, Point(len(points), name, config, directory))
    _refuse_clashes(list(points.values()))
    return list(points.values())


def chosen(points: Sequence[Point], names: Sequence[str]) -> list[Point]:
    """Return the points that have one of these names, or match one, as ``*-clean`` does.

    Raises
    ------
    InputError
        If a name is nobody's.
    """
    for name in names:
        if not any(fnmatchcase(point.name, name) for point in points):
            raise unknown("run of the grid", name, tuple({point.name: None for point in points}))
    return [point for point in points if any(fnmatchcase(point.name, name) for name in names)]


def _tables(path: Path) -> dict[str, Any]:
    grid = read_tables(path, "grid")
    for key in grid:
        if key not in _KEYS:
            raise unknown(f"key of grid {path}", key, _KEYS)
    return grid


def _axes(path: Path, grid: Mapping[str, Any]) -> Iterator[list[_Choice]]:
    """Yield what is combined: the choices of each table of names and of each list of values."""
    named = {"runs": grid["runs"]} if "runs" in grid else {}
    blocks = grid.get("blocks", {})
    if not isinstance(blocks, dict):
        raise InputError(f"{path}: blocks: takes tables of named variations, [blocks.NAME]")
    for where, table in {**named, **{f"blocks.{key}": t for key, t in blocks.items()}}.items():
        if not isinstance(table, dict) or not table:
            raise InputError(f"{path}: {where}: takes a table of names with their overrides")
        yield [(_named(path, n), _overrides(path, f"{where}.{n}", v)) for n, v in table.items()]
    lists = grid.get("lists", {})
    if not isinstance(lists, dict):
        raise InputError(f"{path}: lists: takes a table of keys with lists of values")
    for key, values in _flat(lists).items():
        if key == "seed":
            raise InputError(f"{path}: lists.seed: takes its values from seeds")
        if not isinstance(values, list) or not values:
            raise InputError(f"{path}: lists.{key}: got {values!r}; takes a list of values")
        short = key.rsplit(".", 1)[-1]
        yield [(_named(path, f"{short}={v}"), [f"{key}={_literal(v)}"]) for v in values]


def _overrides(path: Path, where: str, variation: Any) -> list[str]:
    """Turn a list of ``key=value`` or a table of keys into overrides."""
    if isinstance(variation, dict):
        return [f"{key}={_literal(value)}" for key, value in _flat(variation).items()]
    if isinstance(variation, list) and all(isinstance(entry, str) for entry in variation):
        return variation
    raise InputError(
        f"{path}: {where}: got {variation!r}; takes a list of 'key=value' or a table of keys"
    )


def _flat(table: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{above}{key}."))
        else:
            flat[f"{above}{key}"] = value
    return flat


def _literal(value: Any) -> str:
    """Write a value as TOML does."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _named(path: Path, name: str) -> str:
    """Return a name that can be a folder's."""
    if not _NAME.fullmatch(name):
        name = re.sub(r"[^\w.+=@~-]+", "_", name).strip("_.")
    if not name:
        raise InputError(f"{path}: a name of a run takes letters, digits and . _ - + = @ ~")
    return name


def _config(path: Path, name: str, base: Path | None, overrides: Sequence[str]) -> Config:
    try:
        return configuration.read(base, overrides)
    except InputError as error:
        raise InputError(f"{path}: {name}: {error}") from None


def _refuse_clashes(points: Sequence[Point]) -> None:
    taken: dict[Path, Point] = {}
    for point in points:
        place = point.directory.path
        if place in taken:
            raise InputError(
                f"{place}: two runs of the grid would lie there; give them names that differ"
            )
        taken[place] = point
        if point.directory.begun() and point.directory.config() != point.config:
            raise InputError(f"{place} holds a run of another configuration; choose another --out")
