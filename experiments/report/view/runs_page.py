"""The page of all runs: filtered, sorted and in groups."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any, NamedTuple

from experiments.report.view.charts.sparkline import sparkline
from experiments.report.view.reading.viewed_run import FINISHED, STATES, ViewedRun
from experiments.report.view.selection import (
    FIGURES,
    PAGE,
    Selection,
    differing,
    grouped,
    value_of,
)

_COLUMNS = 8
"""Keys that differ and are shown as columns; every one can be filtered and grouped by."""
_OPTIONS = 200
"""Values of a key above which it is no menu."""
_LAST = ("seed", "engine.", "checkpoint_every")


class Group(NamedTuple):
    """Runs that share the value of a key."""

    value: str
    runs: list[dict[str, Any]]
    summary: str


def runs_page(runs: Sequence[ViewedRun], selection: Selection) -> dict[str, Any]:
    """Return what the page shows."""
    chosen = selection.chosen(runs)
    pages = max(1, -(-len(chosen) // PAGE))
    page = min(selection.page, pages)
    shown = chosen[(page - 1) * PAGE : page * PAGE]
    keys = differing(runs)
    columns = [key for key in _ordered(keys) if key != selection.group][:_COLUMNS]
    whole = grouped(chosen, selection.group)
    groups = [
        Group(value, [_line(run, columns) for run in members], summary(whole[value]))
        for value, members in grouped(shown, selection.group).items()
    ]
    return {
        "selection": selection._replace(page=page),
        "figures": FIGURES,
        "columns": columns,
        "keys": _ordered(keys),
        "menus": {key: keys[key] for key in _ordered(keys) if len(keys[key]) <= _OPTIONS},
        "groups": groups,
        "states": {state: sum(run.state == state for run in runs) for state in STATES},
        "all": len(runs),
        "chosen": len(chosen),
        "pages": pages,
        "first": (page - 1) * PAGE + 1 if chosen else 0,
        "summary": summary(chosen),
    }


def summary(runs: Sequence[ViewedRun]) -> str:
    """Say of finished runs how they ended on average, and which was the worst."""
    ended = [
        (run.accuracy, run.name)
        for run in runs
        if run.state == FINISHED and run.accuracy is not None
    ]
    if not ended:
        return "none finished"
    worst, name = min(ended)
    mean = fmean(accuracy for accuracy, _ in ended)
    return f"{len(ended)} finished, mean {mean:.1%}, worst {worst:.1%} ({name})"


def _line(run: ViewedRun, columns: Sequence[str]) -> dict[str, Any]:
    return {
        "run": run,
        "state": run.state,
        "values": [value_of(run, key) for key in columns],
        "curve": sparkline(run.points, run.rounds),
    }


def _ordered(keys: dict[str, list[str]]) -> list[str]:
    """Put what says how a run came about behind what it is."""
    return sorted(keys, key=lambda key: key.startswith(_LAST))
