"""Ranks beside weights on real data: the table and the picture of kept results.

``python docs/evidence.py -o docs/evidence.png`` draws the picture and prints the table as Markdown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import matplotlib
import pandas as pd
import typer
from matplotlib.figure import Figure

from experiments.report.plots.style import COLOURS, STYLE
from frl.errors import InputError

RESULTS = Path(__file__).parents[1] / "experiments" / "results"
DATA = {
    "adult_mlp": "Adult, `mlp`",
    "mnist_writers": "MNIST by writer, `lenet`",
    "sst2_attention": "SST-2, `text_attention`",
}
RANKS = {"published": "published mask", "coats-7": "7 coats"}
WEIGHTS = "weights"
AIM = -1.5
"""Points that ranks may be behind."""


class Row(NamedTuple):
    """The results on one data set.

    Attributes
    ----------
    name : str
    rounds : int
    accuracies : DataFrame
        Percent after the last round, seeds by methods, of the seeds that all methods have.
    chosen : str
        The kind of ranks that was ahead where rates were searched, on held-out examples.
    """

    name: str
    rounds: int
    accuracies: pd.DataFrame
    chosen: str

    @property
    def ahead(self) -> pd.DataFrame:
        """Points that each kind of ranks is ahead of weights, by seed."""
        return self.accuracies[[*RANKS]].sub(self.accuracies[WEIGHTS], axis=0)


def evidence() -> list[Row]:
    """Return a row for each data set.

    Raises
    ------
    InputError
        If a file of results lacks a method.
    """
    return [_row(RESULTS / f"{stem}.csv", name) for stem, name in DATA.items()]


def _row(file: Path, name: str) -> Row:
    rows = pd.read_csv(file).sort_values("round")
    last = rows.groupby(["run", "seed"]).last()
    percent = 100 * last["accuracy"].unstack("run")
    if missing := {*RANKS, WEIGHTS} - {*percent}:
        raise InputError(f"{file}: holds no {', '.join(sorted(missing))}")
    searched = {
        kind: float(percent.filter(like=f"search-{kind.replace('-', '')}").to_numpy().max())
        for kind in RANKS
    }
    rounds = last["round"].unstack("run")[WEIGHTS].iloc[0]
    accuracies = percent[[*RANKS, WEIGHTS]].dropna()
    return Row(name, int(rounds), accuracies, max(searched, key=searched.__getitem__))


def table(rows: list[Row]) -> str:
    """Write the results as a table in Markdown."""
    lines = [
        f"| data | seeds | {' | '.join(RANKS.values())} | weights | ranks less weights |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        means = row.accuracies.mean()
        cells = [
            f"**{means[kind]:.2f}**" if kind == row.chosen else f"{means[kind]:.2f}"
            for kind in RANKS
        ]
        differences = row.ahead[row.chosen]
        by_seed = ", ".join(f"{value:+.2f}" for value in differences)
        lines.append(
            f"| {row.name}, {row.rounds} rounds | {', '.join(map(str, row.accuracies.index))} | "
            f"{' | '.join(cells)} | {means[WEIGHTS]:.2f} | {by_seed} |"
        )
    return "\n".join(lines)


def picture(rows: list[Row]) -> Figure:
    """Draw how far each kind of ranks is ahead of weights, a dot a seed."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.8, 1.3 + 0.5 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        axes.axvspan(AIM, 0, color="#0000000d", zorder=0)
        axes.axvline(0, color="black", linewidth=1)
        for number, (kind, label) in enumerate(RANKS.items()):
            for place, row in enumerate(reversed(rows)):
                axes.plot(
                    row.ahead[kind],
                    [place + 0.12 - 0.24 * number] * len(row.ahead),
                    "os"[number],
                    color=COLOURS[number],
                    label=None if place else label,
                )
        names = [f"{row.name.replace('`', '')}\n{row.rounds} rounds" for row in reversed(rows)]
        axes.set_yticks(range(len(rows)), names)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlabel(f"points ahead of weights (test accuracy); grey: {-AIM} behind, the aim")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.22), ncols=2)
    return figure


def _main(output: Annotated[Path, typer.Option("-o", "--output")]) -> None:
    """Draw the picture, print the table."""
    rows = evidence()
    picture(rows).savefig(output, dpi=150)
    typer.echo(table(rows))


if __name__ == "__main__":
    typer.run(_main)
