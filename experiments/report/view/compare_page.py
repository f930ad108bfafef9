"""The page that compares runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from experiments.report.view.comparison import KINDS, NUMBERS, TABLES, compared_or_why
from experiments.report.view.reading.viewed_run import ViewedRun
from experiments.report.view.selection import Selection


def compare_page(
    runs: Sequence[ViewedRun], selection: Selection, rules: Sequence[str]
) -> dict[str, Any]:
    """Return what the page shows.

    Parameters
    ----------
    runs : sequence of ViewedRun
        Those that the selection chose.
    selection : Selection
    rules : sequence of str
        Two whose difference is wanted; others are passed over.
    """
    found, why = compared_or_why(runs)
    query = selection.query()
    versus = urlencode([("versus", rule) for rule in rules])
    return {
        "runs": runs,
        "why": why,
        "selection": selection,
        "query": query,
        "again": "&".join(part for part in (query, versus) if part),
        "stamp": sum(run.version for run in runs),
        "rules": found.rules if found else [],
        "versus": [*rules, "", ""][:2],
        "tables": list(zip(TABLES, found.tables(rules), strict=False)) if found else [],
        "csv": NUMBERS,
        "kinds": [(kind, KINDS[kind]) for kind in found.kinds()] if found else [],
    }
