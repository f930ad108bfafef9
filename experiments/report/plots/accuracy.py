"""Accuracy over rounds, or over the bytes that were exchanged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.report.metrics import exchanged
from experiments.report.natural_order import natural
from experiments.report.plots import register
from experiments.report.plots.base import Options, Plot, Runs, draw_line, number_columns
from experiments.report.plots.style import mark_cut
from experiments.report.run_labels import CLEAN, Label, run_labels
from frl.errors import InputError

_BANDS = 8
"""Lines in one panel above which bands would hide each other."""
_COLUMNS, _PANELS = 2, 8
_WAYS: dict[str, tuple[str, ...]] = {"bytes": ("up", "down"), "up": ("up",), "down": ("down",)}
_SHORT = 36
"""Characters of a legend's entries that leave room for a second column, for each panel's width."""


@register("accuracy")
class Accuracy(Plot):
    """Test accuracy over rounds or bytes; runs that differ only in their seed become a band."""

    column = "accuracy"
    label = "test accuracy (%)"
    missing = "no round was evaluated yet"

    def draw(self, runs: Runs, options: Options) -> Figure:
        """Draw a line for each configuration; if there are many, a panel for each rule."""
        rounds = runs.rounds
        if self.column not in rounds or rounds[self.column].isna().all():
            raise InputError(f"nothing to draw: {self.missing}")
        ways = _WAYS.get(options.over, ())
        at = exchanged(rounds, ways) / 1e6 if ways else rounds["round"]
        evaluated = rounds.assign(at=at).dropna(subset=[self.column])
        evaluated = evaluated.assign(shown=100 * evaluated[self.column].astype(float))
        first = evaluated.drop_duplicates("run")
        found = run_labels(first)
        panels = _panels(found)
        names = [name for names in panels.values() for name in names.values()]
        lines = sorted(set(names), key=_clean_first)
        named = dict(zip(first["run"], found, strict=True))
        evaluated = evaluated.assign(label=evaluated["run"].map(named))
        columns = min(_COLUMNS, len(panels))
        rows = -(-len(panels) // columns)
        wide = len(lines) > 2 and max(map(len, lines)) <= _SHORT * columns
        legend = 2 if wide and not options.narrow else 1
        height = 3.6 * (rows if columns == 1 else 0.85 * rows) + 0.22 * (len(lines) // legend + 1)
        figure = Figure(figsize=(2.4 + 4.0 * columns, height), layout="constrained")
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes, (title, of_panel) in zip(grid.flat, panels.items(), strict=False):
            for label, name in of_panel.items():
                chosen = evaluated[evaluated["label"] == label]
                plain = replace(options, band="none") if len(of_panel) > _BANDS else options
                _line(axes, chosen, name, lines.index(name), plain)
            axes.set_title(title or options.title_of(first), loc="left", fontsize=10)
            axes.set_xlabel(f"megabytes {' and '.join(ways)}, coded" if ways else "round")
            if ways:
                axes.set_xscale("log")
            else:
                axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        number_columns(grid, len(panels))
        for axes in grid[:, 0]:
            axes.set_ylabel(self.label)
        grid[0, 0].set_ylim(top=min(100.0, grid[0, 0].get_ylim()[1]))
        if len(panels) > 1:
            figure.suptitle(options.title_of(first), x=0.01, ha="left", fontsize=10)
        for axes in grid.flat[: len(panels)]:
            mark_cut(axes)
        several = evaluated.groupby("label")["seed"].nunique().max() > 1
        shaded = several and not all(len(of_panel) > _BANDS for of_panel in panels.values())
        _legend(figure, legend, f"bands: {options.band_text}" if shaded else "")
        return figure


@register("backdoor")
class Backdoor(Accuracy):
    """Success of a backdoor over rounds or bytes; runs that differ only in their seed, a band."""

    column = "attack_success_rate"
    label = "triggered examples of the target class (%)"
    missing = "no round of these runs measured a backdoor"


def _panels(labels: Sequence[Label]) -> dict[str, dict[Label, str]]:
    """Divide many lines by rule, so that each panel shows attacks; name the lines of each."""
    every = sorted(set(labels), key=natural)
    rules = sorted({(label.setting, label.defence) for label in every}, key=natural)
    few = not 1 < len(rules) <= _PANELS or len(every) < 2 * len(rules)
    if len(every) <= _BANDS or few:
        return {"": {label: str(label) for label in every}}
    return {
        ", ".join(part for part in (defence, setting) if part): {
            label: label.attack for label in every if label[:2] == (setting, defence)
        }
        for setting, defence in rules
    }


def _legend(figure: Figure, columns: int, bands: str) -> None:
    """Tell of each line once, whichever panels it is in."""
    entries: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    order = sorted(entries, key=_clean_first)
    handles = [entries[label] for label in order]
    figure.legend(handles, order, loc="outside lower left", ncols=columns, title=bands or None)


def _clean_first(name: str) -> tuple[bool, list[tuple[bool, float, str]]]:
    return not name.startswith(CLEAN), natural(name)


def _line(axes: Axes, runs: pd.DataFrame, label: str, number: int, options: Options) -> None:
    runs = runs.drop_duplicates(["seed", "round"])
    bands = options.bands(runs["shown"], runs["round"])
    bands.index = pd.Index(runs.groupby("round")["at"].mean())
    seeds = runs["seed"].nunique()
    text = f"{label} ({seeds} seeds)" if seeds > 1 else label
    draw_line(axes, bands, number, text, shade=seeds > 1 and options.band != "none")
