"""Accuracy of every rule under every attack."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.report.plots import register
from experiments.report.plots.base import Options, Plot, Runs
from experiments.report.plots.style import LEAST_WIDTH, MAP
from experiments.report.run_labels import CLEAN

_DARK_BELOW = 55.0
_TITLE, _LETTER = 0.5, 0.05
"""Inches of a title, and of the height that a letter of a slanted name adds."""


@register("heatmap")
class Heatmap(Plot):
    """Final accuracy of each rule under each attack, mean over seeds; the worst framed."""

    def draw(self, runs: Runs, options: Options) -> Figure:
        """Draw a map for each setting, the most robust rule on top."""
        finished = runs.finished()
        settings = sorted(set(finished["setting"]))
        maps = [_table(finished[finished["setting"] == setting]) for setting in settings]
        attacks = max(len(table.columns) for table in maps)
        rules = sum(len(table) for table in maps)
        below = _room_below(maps[:-1])
        size = (max(LEAST_WIDTH, 2.6 + 0.62 * attacks), 2.2 + 0.36 * rules + below)
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(
            len(maps), squeeze=False, height_ratios=[len(table) for table in maps]
        )
        for axes, setting, table in zip(panels[:, 0], settings, maps, strict=True):
            _panel(axes, table)
            if setting:
                axes.set_title(setting, loc="left", fontsize=10)
        gaps = "; -: not run" if any(table.isna().any(axis=None) for table in maps) else ""
        figure.suptitle(
            f"{options.title_of(finished)}\nfinal test accuracy (%), mean over seeds\n"
            f"framed: the worst attack that was run{gaps}",
            x=0.01,
            ha="left",
            fontsize=10,
        )
        return figure


def _room_below(maps: Sequence[pd.DataFrame]) -> float:
    """Return inches for the slanted names below maps that are above another, and its title."""
    longest = [max(map(len, table.columns)) for table in maps]
    return sum(_TITLE + _LETTER * letters for letters in longest)


def _table(finished: pd.DataFrame) -> pd.DataFrame:
    """Rules by worst case, attacks by their mean effect, clean first."""
    table = finished.pivot_table(index="defence", columns="attack", values="final", aggfunc="mean")
    attacked = table.drop(columns=CLEAN, errors="ignore")
    order = attacked.mean().sort_values(ascending=False).index.tolist()
    columns = [CLEAN, *order] if CLEAN in table else order
    worst = attacked.min(axis=1) if len(order) else table.min(axis=1)
    return table.loc[worst.sort_values(ascending=False).index, columns]


def _panel(axes: Axes, table: pd.DataFrame) -> None:
    axes.imshow(table.to_numpy(dtype=float), cmap=MAP, vmin=0, vmax=100, aspect="auto")
    names = table.columns.tolist()
    axes.set_xticks(
        range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor", va="center"
    )
    axes.set_yticks(range(len(table)), table.index)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    for row, (_, values) in enumerate(table.iterrows()):
        attacked = values.drop(CLEAN, errors="ignore").dropna()
        worst = attacked.idxmin() if len(attacked) else None
        for column, (attack, value) in enumerate(values.items()):
            text = "-" if pd.isna(value) else f"{value:.1f}"
            bright = pd.isna(value) or value >= _DARK_BELOW
            axes.text(
                column,
                row,
                text,
                ha="center",
                va="center",
                fontsize=8.5,
                color="black" if bright else "white",
                weight="bold" if attack == worst else "normal",
            )
            if attack == worst:
                _frame(axes, column, row, "black" if bright else "white")


def _frame(axes: Axes, column: int, row: int, colour: str) -> None:
    left, right, top, bottom = column - 0.46, column + 0.46, row - 0.42, row + 0.42
    axes.plot(
        [left, right, right, left, left],
        [top, top, bottom, bottom, top],
        color=colour,
        linewidth=1.2,
    )
