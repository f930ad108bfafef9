"""``frl cost``: what a message costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from experiments.commands.options import AsJson


def cost(
    model: Annotated[str, typer.Option(help="Model; default: the run's, or conv2.")] = "",
    run: Annotated[Path | None, typer.Option(help="Measure on the checkpoint of a run.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure what a message costs in every coding, next to float32."""
    from experiments.config.portable import pin_where_asked
    from experiments.records import RunDirectory
    from experiments.records.json_text import json_text

    if run is not None:
        pin_where_asked(RunDirectory(run).config())
    from experiments.analysis.cost import costs, print_costs, report
    from experiments.analysis.cost_sample import sample

    measured = sample(model, run)
    rows = costs(measured)
    if as_json:
        typer.echo(json_text(report(measured, rows), indent=2))
    else:
        print_costs(measured, rows)
