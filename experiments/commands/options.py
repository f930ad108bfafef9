"""What commands share: options, help as plain text, and how they speak to whoever typed them."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import which
from typing import Annotated

import typer
from click import Context
from typer.core import TyperCommand

Overrides = Annotated[
    list[str] | None,
    typer.Option("-o", "--override", metavar="KEY=VALUE", help="Set a configuration key."),
]
Profile = Annotated[str, typer.Option(help="Profile of the file, such as quick.")]
Track = Annotated[
    list[str] | None,
    typer.Option("--track", metavar="NAME", help="Tell a tracker too: frl list trackers."),
]
Jobs = Annotated[int, typer.Option(min=0, help="Most runs at once; 0: as many as fit the cores.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")]


class PlainHelp(TyperCommand):
    """A command whose help is not marked up; Typer escapes brackets in it all the same."""

    def get_help(self, ctx: Context) -> str:
        """Return the help with brackets as they are."""
        return super().get_help(ctx).replace("\\[", "[")


def complain(message: str) -> None:
    """Say on standard error what is wrong, in one line."""
    typer.echo(f"frl: {' '.join(message.split())}", err=True)


def typed(arguments: str) -> str:
    """Return a command that works as it is printed, whether or not the environment is activated."""
    called = Path(sys.argv[0])
    outside = called.name == "frl" and which("frl") is None
    return f"{called if outside else 'frl'} {arguments}"


def show(markdown: str) -> None:
    """Write Markdown to standard output, laid out where that is a terminal."""
    if not sys.stdout.isatty():
        typer.echo(markdown)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(markdown))
