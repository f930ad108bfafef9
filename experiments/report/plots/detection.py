"""Weights of honest and malicious clients over rounds: why a defence holds, or does not."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.report.detection import weighed_votes
from experiments.report.plots import register
from experiments.report.plots.base import Options, Plot, Runs
from experiments.report.plots.style import COLOURS
from experiments.report.run_labels import run_labels
from frl.errors import InputError

_MOST = 12
_APART = 0.16
"""Of honest from malicious votes of a round, so that neither hides the other."""
_LOOKS = ((False, "honest", COLOURS[0], "o"), (True, "malicious", COLOURS[1], "X"))


@register("detection")
class DetectionPlot(Plot):
    """Weights that a rule gave to honest and malicious clients over rounds, a panel a run."""

    def draw(self, runs: Runs, options: Options) -> Figure:
        """Draw each vote as a dot and the means of both kinds as lines."""
        votes = weighed_votes(runs.rounds)
        configs = runs.rounds.drop_duplicates("run")
        configs = configs[configs["run"].isin(votes["run"])].reset_index(drop=True)
        if len(configs) > _MOST:
            raise InputError(f"takes at most {_MOST} runs, a panel each; these are {len(configs)}")
        columns = min(3, len(configs))
        rows = -(-len(configs) // columns)
        figure = Figure(figsize=(0.6 + 3.4 * columns, 1.2 + 2.3 * rows), layout="constrained")
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        titles = _titles(configs)
        for axes, run, title in zip(grid.flat, configs["run"], titles, strict=False):
            _panel(axes, votes[votes["run"] == run])
            axes.set_title(title, loc="left", fontsize=9)
        for axes in grid.flat[len(configs) :]:
            axes.remove()
        for number in range(columns):
            below = [axes for axes in grid.flat[: len(configs)]][number::columns][-1]
            below.set_xlabel("round")
            below.tick_params(labelbottom=True)
        for axes in grid[:, 0]:
            axes.set_ylabel("weight in the vote")
        handles, names = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower left", ncols=2 if options.narrow else 4)
        figure.suptitle(options.title_of(configs), x=0.01, ha="left", fontsize=10)
        return figure


def _titles(configs: pd.DataFrame) -> list[str]:
    labels = [str(label) for label in run_labels(configs)]
    if configs["seed"].nunique() == 1:
        return labels
    return [f"{label}, seed {seed}" for label, seed in zip(labels, configs["seed"], strict=True)]


def _panel(axes: Axes, votes: pd.DataFrame) -> None:
    for malicious, name, colour, marker in _LOOKS:
        of_kind = votes[votes["malicious"] == malicious]
        side = _APART if malicious else -_APART
        axes.scatter(
            of_kind["round"] + side, of_kind["weight"], s=9, color=colour, marker=marker,
            alpha=0.35, linewidth=0, label=f"{name} vote",
        )  # fmt: skip
        means = of_kind.groupby("round")["weight"].mean()
        axes.plot(means.index, means, color=colour, linewidth=1.6, label=f"mean of {name}")
    axes.set_ylim(-0.04, 1.04)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
