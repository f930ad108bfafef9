"""``frl list``: what a configuration can name."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from experiments.commands.options import AsJson


def list_(
    kind: Annotated[
        str, typer.Argument(help="What to list; without it: what there is to list.")
    ] = "",
    as_json: AsJson = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """List what a configuration can name: attacks, rules, models, datasets and so on."""
    from experiments.commands.catalogue import catalogue, markdown, print_catalogue

    if as_json:
        typer.echo(json.dumps(catalogue(kind), indent=2))
    elif as_markdown:
        typer.echo(markdown(kind))
    else:
        print_catalogue(kind)
