"""``frl show model``: what a network is to this project."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.commands.options import AsJson, PlainHelp

if TYPE_CHECKING:
    from frl.training.description import Description

show = typer.Typer(
    name="show", help="Show what a network is to this project.", no_args_is_help=True
)


@show.callback()
def _show() -> None:
    """Show what a network is to this project."""


@show.command(cls=PlainHelp)
def model(
    name: Annotated[str, typer.Argument(help="Of frl list models, or package.module:Name.")],
    shape: Annotated[
        str, typer.Option(metavar="SHAPE", help="Of an example: 3x32x32, or 10 for a table.")
    ] = "1x8x8",
    classes: Annotated[int, typer.Option(min=2, help="Number of classes.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Show its layers, what is ranked and what stays fixed, and the bytes of a message."""
    from frl.models import DataShape, make
    from frl.training.description import describe

    described = describe(make(name, DataShape(_sizes(shape), classes)))
    if as_json:
        typer.echo(json.dumps(_record(described), indent=2))
    else:
        _print(described)


def _sizes(shape: str) -> tuple[int, ...]:
    from frl.errors import InputError

    if not re.fullmatch(r"[1-9]\d{0,8}(x[1-9]\d{0,8}){0,2}", shape, re.ASCII):
        raise InputError(f"--shape: got {shape!r}; takes sizes joined by x, as 3x32x32, or 10")
    return tuple(int(size) for size in shape.split("x"))


def _record(described: Description) -> dict[str, Any]:
    return described._asdict() | {"layers": [layer._asdict() for layer in described.layers]}


def _print(described: Description) -> None:
    """Print two tables that fit 80 columns."""
    from rich.console import Console
    from rich.table import Table

    layers = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("layer", "of"):
        layers.add_column(column, overflow="fold")
    for column in ("shape", "values"):
        layers.add_column(column, justify="right")
    layers.add_column("in rank training")
    for layer in described.layers:
        sizes = "x".join(map(str, layer.shape))
        layers.add_row(layer.layer, layer.kind, sizes, f"{layer.edges:,}", layer.treatment.value)
    messages = Table("message", box=None, pad_edge=False, header_style="bold")
    messages.add_column("bytes", justify="right")
    for message, size in described.messages.items():
        messages.add_row(message, f"{size:,}")

    console = Console(highlight=False)
    console.print(layers)
    console.print(
        f"\n{described.ranked:,} edges are ranked; {described.frozen:,} values stay fixed"
    )
    if described.batch_statistics:
        console.print("Normalised by the statistics of each batch, in evaluation too.")
    if described.buffers:
        console.print("Buffers, never sent: " + ", ".join(described.buffers), markup=False)
    console.print()
    console.print(messages)
