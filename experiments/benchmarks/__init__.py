"""Benchmarks: every figure is a ratio taken inside one run, next to the bar it should meet."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from experiments.benchmarks import (
    attack_cost,
    certify,
    cohort,
    data_load,
    engine,
    many_runs,
    reliability,
    robust,
    share,
    step,
    view,
    vote,
    wire_rows,
    worker_memory,
)
from experiments.benchmarks.row import Row
from frl.errors import unknown

log = logging.getLogger(__name__)

_GROUPS = (
    step,
    worker_memory,
    vote,
    certify,
    engine,
    share,
    cohort,
    data_load,
    attack_cost,
    reliability,
    robust,
    wire_rows,
    many_runs,
    view,
)


def names() -> tuple[str, ...]:
    """Names of all rows."""
    return tuple(name for group in _GROUPS for name in group.NAMES)


def measure(only: Sequence[str] = ()) -> list[Row]:
    """Measure rows, by default all of them.

    Parameters
    ----------
    only : sequence of str
        Names, or what names begin with.

    Raises
    ------
    InputError
        If something in ``only`` names no row.
    """
    for wanted in only:
        if not any(name.startswith(wanted) for name in names()):
            raise unknown("benchmark", wanted, names())
    return [
        group.measure(name)
        for group in _GROUPS
        for name in group.NAMES
        if not only or name.startswith(tuple(only))
    ]


def print_rows(rows: Sequence[Row]) -> None:
    """Print rows as a table."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("figure", "measured", "bar", "", "details"):
        table.add_column(column, justify="right" if column in ("measured", "bar") else "left")
    for row in rows:
        sign = "≤" if row.better == "lower" else "≥"
        details = ", ".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key}: {value}"
            for key, value in row.details.items()
        )
        table.add_row(
            row.figure,
            "-" if row.value is None else f"{row.value:.3g}",
            f"{sign} {row.bar:g}",
            {True: "met", False: "missed", None: "not measured"}[row.met],
            details,
        )
    Console().print(table)


__all__ = ["Row", "measure", "names", "print_rows"]
