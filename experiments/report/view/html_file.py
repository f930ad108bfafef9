"""A report as one file: tables, pictures and runs, without a server and without anything else."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from experiments.report.view.charts.sparkline import sparkline
from experiments.report.view.comparison import KINDS, Comparison, compared_or_why
from experiments.report.view.reading.index import Index
from experiments.report.view.rendering import asset, rendered
from experiments.report.view.run_page import run_page
from experiments.report.view.runs_page import summary
from experiments.report.view.selection import Selection, differing, value_of
from frl.errors import InputError

IN_FULL = 24
"""Runs up to which each has a section of its own."""


def html_report(folders: Sequence[Path], rules: Sequence[str] = ()) -> str:
    """Return the text of the file.

    Parameters
    ----------
    folders : sequence of Path
        Run directories, or folders of them.
    rules : sequence of str
        Two whose difference is wanted.

    Raises
    ------
    InputError
        If there is no run.
    """
    runs = Selection().chosen(Index(folders).runs())
    if not runs:
        raise InputError(f"no runs in {', '.join(map(str, folders))}")
    found, why = compared_or_why(runs)
    keys = list(differing(runs))
    return rendered(
        "report.html",
        version="",
        style=Markup(asset("style.css")),  # noqa: S704 (our own file)
        summary=summary(runs),
        why=why,
        keys=keys,
        runs=[
            (run, [value_of(run, key) for key in keys], sparkline(run.points, run.rounds) or "")
            for run in runs
        ],
        tables=found.tables(rules) if found else [],
        pictures=_pictures(found) if found and len(found.runs) else [],
        details=[run_page(run) for run in runs] if len(runs) <= IN_FULL else [],
        most=IN_FULL,
    )


def _pictures(found: Comparison) -> list[dict[str, Any]]:
    """Draw what the runs have, each as the address of an image that holds the image itself."""
    pictures = []
    for kind in found.kinds():
        content = base64.b64encode(found.picture(kind, "svg")).decode()
        pictures.append({"about": KINDS[kind], "data": f"data:image/svg+xml;base64,{content}"})
    return pictures
