"""Worst-case accuracy of each rule."""

from __future__ import annotations

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.report.outcomes import Worst, outcomes, worst_cases
from experiments.report.plots import register
from experiments.report.plots.base import Options, Plot, Runs
from experiments.report.plots.style import COLOURS
from experiments.report.run_labels import CLEAN
from frl.errors import InputError


@register("worst")
class WorstCase(Plot):
    """Final accuracy of each rule without an attack and under its worst one; dots are seeds."""

    def draw(self, runs: Runs, options: Options) -> Figure:
        """Draw two bars for each rule, the most robust on top."""
        finished = runs.finished()
        rows = worst_cases(outcomes(finished))[::-1]
        if not rows:
            raise InputError("nothing to draw: no run was attacked")
        figure = Figure(figsize=(7.2, 1.7 + 0.62 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        for number, (offset, colour, name, hatch) in enumerate(_BARS):
            label: str | None = name
            for place, row in enumerate(rows):
                attack = CLEAN if number == 0 else row.attack
                values = _values(finished, row, attack)
                if not len(values):
                    continue
                bands = options.bands(values, pd.Series(0, values.index)).iloc[0]
                mean, low, high = bands["mean"], bands["low"], bands["high"]
                at = place + offset
                axes.barh(
                    at,
                    mean,
                    0.36,
                    color=colour,
                    hatch=hatch,
                    edgecolor="white",
                    linewidth=0,
                    label=label,
                )
                label = None
                if high > low:
                    axes.plot([low, high], [at, at], color="black", linewidth=1.1)
                axes.plot(values, np.full(len(values), at), "o", color="black", markersize=2.6)
                axes.text(101.5, at, f"{mean:.1f}", va="center", fontsize=8)
        axes.set_yticks(range(len(rows)), [f"{_name(row)}\n{_worst(row)}" for row in rows])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlim(0, 100)
        axes.grid(visible=False, axis="y")
        several = max(row.final.n for row in rows) > 1
        band = f", lines: {options.band_text}" if several and options.band_text else ""
        axes.set_xlabel(f"final test accuracy (%){band}")
        axes.set_title(options.title_of(finished), loc="left", fontsize=10)
        figure.legend(loc="outside lower left", ncols=2)
        return figure


def _values(finished: pd.DataFrame, row: Worst, attack: str) -> pd.Series:
    same = (finished["setting"] == row.setting) & (finished["defence"] == row.defence)
    return finished.loc[same & (finished["attack"] == attack), "final"]


def _worst(row: Worst) -> str:
    tried = f"worst of {row.attacks}: " if row.attacks > 1 else "only attack run: "
    return tried + row.attack


def _name(row: Worst) -> str:
    name = ", ".join(part for part in (row.defence, row.setting) if part)
    return fill(name, _LETTERS, break_long_words=False, break_on_hyphens=False)


_LETTERS = 40
"""Of a line of a name."""
_BARS = ((0.19, COLOURS[5], "no attack", ""), (-0.19, COLOURS[1], "worst attack", "///"))
