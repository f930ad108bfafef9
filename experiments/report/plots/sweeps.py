"""Final accuracy over a number that runs differ in."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.report.plots import register
from experiments.report.plots.base import Options, Plot, Runs, draw_line
from experiments.report.run_labels import CLEAN, Label
from frl.errors import InputError


@register("breakdown")
class Breakdown(Plot):
    """Final accuracy over the share of malicious clients, for each rule and attack."""

    def draw(self, runs: Runs, options: Options) -> Figure:
        """Draw a line for each rule under each attack, which begins with no malicious client."""
        finished = runs.finished(without="attack.fraction")
        keys = ["setting", "defence"]
        attacks = finished[finished["attack"] != CLEAN][[*keys, "attack"]].drop_duplicates()
        clean = finished[finished["attack"] == CLEAN].drop(columns="attack")
        every = clean.merge(attacks, on=keys).assign(**{"attack.fraction": 0.0})
        lines = pd.concat([finished[finished["attack"] != CLEAN], every], ignore_index=True)
        lines = lines.assign(at=100 * lines["attack.fraction"].astype(float))
        if lines["at"].nunique() < 2:
            raise InputError("nothing to draw: takes runs that differ in attack.fraction")
        figure, axes = _figure(lines)
        _lines(axes, lines, options)
        axes.set_xlabel("malicious clients (%)")
        axes.set_ylim(0, 100)
        return _finished(figure, axes, options.title_of(finished))


@register("heterogeneity")
class Heterogeneity(Plot):
    """Final accuracy over the concentration of the Dirichlet shards; to the left, more uneven."""

    def draw(self, runs: Runs, options: Options) -> Figure:
        """Draw a line for each rule under each attack."""
        finished = runs.finished("data.alpha", where={"data.partition": "dirichlet"})
        lines = finished.assign(at=finished["data.alpha"].astype(float))
        if lines["at"].nunique() < 2:
            raise InputError("nothing to draw: takes runs with dirichlet shards of several alpha")
        figure, axes = _figure(lines)
        _lines(axes, lines, options)
        axes.set_xscale("log")
        places = sorted(set(lines["at"]))
        axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.minorticks_off()
        axes.set_xlabel("concentration alpha of the shards (smaller: more uneven)")
        axes.set_ylim(top=100)
        return _finished(figure, axes, options.title_of(finished))


def _figure(lines: pd.DataFrame) -> tuple[Figure, Axes]:
    entries = lines.groupby(["setting", "defence", "attack"]).ngroups
    figure = Figure(figsize=(6.4, 3.6 + 0.22 * entries), layout="constrained")
    return figure, figure.add_subplot()


def _lines(axes: Axes, lines: pd.DataFrame, options: Options) -> None:
    groups = lines.groupby(["setting", "defence", "attack"], sort=True)
    joined = lines["at"].nunique() > 2
    for number, (key, group) in enumerate(groups):
        setting, defence, attack = map(str, key)
        seeds = group["seed"].nunique()
        label = str(Label(setting, defence, attack)) + (f" ({seeds} seeds)" if seeds > 1 else "")
        bands = options.bands(group["final"], group["at"])
        draw_line(axes, bands, number, label, shade=seeds > 1 and options.band != "none")
        if not joined:
            axes.lines[-1].set_linestyle("none")


def _finished(figure: Figure, axes: Axes, title: str) -> Figure:
    axes.set_ylabel("final test accuracy (%)")
    axes.set_title(title, loc="left", fontsize=10)
    figure.legend(loc="outside lower left")
    return figure
