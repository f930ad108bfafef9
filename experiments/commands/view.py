"""``frl view``: a page over runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def view(
    directories: Annotated[
        list[Path] | None,
        typer.Argument(help="Run directories, or folders of them; default: runs."),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of this machine's loopback; 0: any free one.")
    ] = 8765,
    browser: Annotated[bool, typer.Option("--open", help="Open it in a browser as well.")] = False,
) -> None:
    """Look at runs in a browser, live while they run; nothing is changed, nothing leaves here."""
    from experiments.report.view.reading.index import Index
    from experiments.report.view.server import serve

    def ready(address: str) -> None:
        typer.echo(f"{address}  (end: Ctrl-C)")
        if browser:
            import webbrowser

            webbrowser.open(address)

    serve(Index(directories or [Path("runs")]), port, ready)
