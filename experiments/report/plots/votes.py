"""Movement of the mask, agreement of voters, and edges decided by a few votes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from experiments.report.plots import register
from experiments.report.plots.base import Options, Plot, Runs, draw_line, number_columns, title_of
from experiments.report.plots.style import COLOURS, mark_cut
from experiments.report.run_labels import run_labels
from frl.errors import InputError

_SHOWN = 5.0
"""Votes on either side of the edge of the mask."""
_HIGH = 80.0
"""Agreement in percent above which the axis begins where the lines do."""
_AT_THE_RIGHT: Any = {
    "xycoords": ("axes fraction", "data"),
    "xytext": (0, 3),
    "textcoords": "offset points",
    "ha": "right",
    "fontsize": 9,
}


@register("churn")
class Churn(Plot):
    """Share of the mask replaced in each round, and Kendall's W of the voters, for each layer."""

    def draw(self, runs: Runs, options: Options) -> Figure:
        """Draw two panels, or one where the rule adds up no votes; of seeds the mean."""
        rounds = _recorded(runs.rounds, "churn")
        _refuse_several(rounds)
        agreed = rounds.dropna(subset=["agreement"])
        panels = 2 if len(agreed) else 1
        figure = Figure(figsize=(6.4, 0.6 + 2.5 * panels), layout="constrained")
        grid = figure.subplots(panels, sharex=True, squeeze=False)[:, 0]
        _lines(grid[0], rounds, "churn", options)
        grid[0].set_ylim(bottom=0)
        grid[0].set_ylabel("mask edges replaced (%)")
        grid[0].set_title(_title(rounds, options), loc="left", fontsize=10)
        if len(agreed):
            _agreement(grid[1], agreed, options)
        grid[-1].set_xlabel("round")
        grid[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        handles, names = grid[0].get_legend_handles_labels()
        figure.legend(
            handles,
            names,
            loc="outside lower left",
            ncols=2 if options.narrow else 4,
            title="layer",
        )
        return figure


@register("vulnerable")
class Vulnerable(Plot):
    """Edges by how many votes they are from the edge of the mask, in the last round of a run."""

    def draw(self, runs: Runs, options: Options) -> Figure:
        """Draw a histogram for each layer, and shade what malicious votes could turn."""
        rounds = _recorded(runs.rounds, "margins")
        _refuse_several(rounds)
        end = rounds.iloc[-1]
        margins: Mapping[str, list[int]] = end["margins"]
        voters = int(end["admitted"])
        malicious = len(end["malicious"]) or 1
        columns = min(2, len(margins))
        rows = -(-len(margins) // columns)
        figure = Figure(figsize=(3.6 * columns, 0.9 + 1.9 * rows), layout="constrained")
        grid = figure.subplots(rows, columns, sharex=True, squeeze=False)
        for axes, (layer, counts) in zip(grid.flat, margins.items(), strict=False):
            _histogram(axes, layer, np.array(counts), voters, malicious)
        number_columns(grid, len(margins))
        for axes in grid[:, 0]:
            axes.set_ylabel("edges (%)")
        figure.supxlabel("votes to the edge of the mask (out < 0 < in)", fontsize=10)
        votes = f"{malicious} full vote{'s' if malicious > 1 else ''}"
        figure.suptitle(
            f"{_title(rounds, options)}; round {end['round']}, {voters} voters; "
            f"shaded: within {votes}",
            x=0.01,
            ha="left",
            fontsize=10,
        )
        return figure


def _recorded(rounds: pd.DataFrame, what: str) -> pd.DataFrame:
    if what not in rounds or rounds[what].isna().all():
        raise InputError(
            f"nothing to draw: no round has {what}, which runs by ranks record since version 0.2"
        )
    return rounds.dropna(subset=[what])


def _agreement(axes: Axes, rounds: pd.DataFrame, options: Options) -> None:
    _lines(axes, rounds, "agreement", options)
    axes.set_ylabel("agreement of voters\n(Kendall's W, %)")
    if min(np.min(line.get_ydata()) for line in axes.lines) < _HIGH:
        chance = 100 / rounds["admitted"].median()
        axes.axhline(chance, color="black", linestyle=":", linewidth=1.2)
        axes.annotate("votes drawn at random", (0.99, chance), **_AT_THE_RIGHT)
        axes.set_ylim(bottom=0)
    mark_cut(axes)


def _refuse_several(rounds: pd.DataFrame) -> None:
    first = rounds.drop_duplicates("run")
    labels = sorted(set(map(str, run_labels(first))))
    if len(labels) > 1:
        raise InputError(
            f"takes runs that differ in their seed alone; these are {', '.join(labels[:4])}"
        )


def _title(rounds: pd.DataFrame, options: Options) -> str:
    first = rounds.iloc[:1]
    return options.title or f"{run_labels(first)[0]}\n{title_of(first)}"


def _lines(axes: Axes, rounds: pd.DataFrame, what: str, options: Options) -> None:
    layers = list(rounds[what].iloc[0])
    for number, layer in enumerate(layers):
        values = rounds[what].map(lambda found, layer=layer: 100 * found[layer])
        bands = options.bands(values, rounds["round"])
        shade = rounds["seed"].nunique() > 1 and options.band != "none"
        draw_line(axes, bands, number, layer, shade=shade)


def _histogram(axes: Axes, layer: str, counts: NDArray[Any], voters: int, malicious: int) -> None:
    edges = np.linspace(-1, 1, len(counts) + 1) * voters
    share = 100 * counts / max(1, counts.sum())
    middle = (edges[:-1] + edges[1:]) / 2
    axes.bar(
        middle, share, width=np.diff(edges), color=COLOURS[0], edgecolor="white", linewidth=0.3
    )
    axes.axvline(0, color="black", linewidth=1.2)
    axes.axvspan(-malicious, malicious, color=COLOURS[4], alpha=0.3, linewidth=0, zorder=0)
    within = share[np.abs(middle) <= malicious].sum()
    axes.set_title(f"{layer}: {within:.0f} % of {counts.sum():,} edges", loc="left", fontsize=9)
    limit = min(voters, max(_SHOWN, 1.5 * malicious))
    axes.set_xlim(-limit, limit)
