"""``frl bench``: speed and memory."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from experiments.commands.options import AsJson


def bench(
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="Just this row or group.")
    ] = None,
    reliability: Annotated[
        bool, typer.Option("--reliability", help="Just the rows on scale and memory.")
    ] = False,
    rules: Annotated[
        bool, typer.Option("--rules", help="Just the robust rules, beside ByzFL's if installed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure speed and memory; each figure is a ratio taken inside one run."""
    from experiments.benchmarks import measure, print_rows

    if rules:
        from experiments.benchmarks.rules import main as measure_rules

        measure_rules([*(only or ()), *(["--json"] if as_json else [])])
        return

    rows = measure([*(only or ()), *(["reliability-"] if reliability else [])])
    if as_json:
        typer.echo(json.dumps([{**row._asdict(), "met": row.met} for row in rows], indent=2))
    else:
        print_rows(rows)
