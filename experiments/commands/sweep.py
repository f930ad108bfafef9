"""``frl sweep``: many runs at once."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from experiments.commands.options import AsJson, Jobs, Overrides, Track, complain


def sweep(
    grid: Annotated[
        Path, typer.Argument(help="TOML file of the runs, or a name of frl list configs.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the runs; default: runs/ and the file's name.")
    ] = None,
    run: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only runs of this name; * matches any letters."),
    ] = None,
    jobs: Jobs = 0,
    override: Overrides = None,
    track: Track = None,
    as_json: AsJson = False,
) -> None:
    """Run every point of a grid; what is done is not run again, what was stopped goes on."""
    from experiments.sweep.job import prepare

    prepare()
    from experiments.commands.options import show
    from experiments.records.json_text import json_text
    from experiments.sweep.grid import chosen, read_grid
    from experiments.sweep.summary import markdown, summarise
    from experiments.sweep.sweep import sweep as run_points
    from experiments.sweep.view import sweep_view
    from frl.cores import usable_cores
    from frl.errors import StoppedError

    folder = out or Path("runs") / grid.stem
    points = read_grid(grid, folder, override or ())
    if run:
        points = chosen(points, run)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with sweep_view(points, folder, jobs or usable_cores(), quiet=as_json) as watch:
            outcomes = list(run_points(points, jobs=jobs, watch=watch, track=track or ()))
    except KeyboardInterrupt:
        complain("interrupted; the same command carries on where it was")
        raise
    rows = summarise(outcomes)
    if as_json:
        typer.echo(json_text([row._asdict() for row in rows]))
    else:
        show(markdown(rows))
    failed = [outcome for outcome in outcomes if outcome.result is None]
    if failed:
        raise StoppedError(
            f"{len(failed)} of {len(outcomes)} runs failed, the first: "
            f"{failed[0].point.directory.path}: {failed[0].error}"
        )
