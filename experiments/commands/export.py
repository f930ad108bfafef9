"""``frl export``: the model of a run as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from experiments.commands.options import AsJson


def export(
    directory: Annotated[Path, typer.Argument(help="Run directory.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write.")],
    form: Annotated[
        str,
        typer.Option(
            "--format", help="weights, mask (seed and one bit an edge) or onnx; by the suffix."
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Write the model of a run to a file; frl.load_model(path) gives a plain torch module."""
    from experiments.records import RunDirectory
    from experiments.records.json_text import json_text

    RunDirectory(directory).config()
    from experiments.analysis.export import export as write

    done = write(directory, output, form)
    if as_json:
        typer.echo(json_text({**done._asdict(), "about": done.about._asdict()}))
        return
    accuracy = "" if done.about.accuracy is None else f", accuracy {done.about.accuracy:.2%}"
    typer.echo(
        f"{done.path}: {done.format}, {done.bytes:,} bytes, round {done.about.round}{accuracy}"
    )
