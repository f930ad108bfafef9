"""Text with tables for whoever reads it: laid out in a terminal, Markdown elsewhere."""

from __future__ import annotations

import sys

import typer


def show(markdown: str) -> None:
    """Write Markdown to standard output, laid out where that is a terminal."""
    if not sys.stdout.isatty():
        typer.echo(markdown)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(markdown))
