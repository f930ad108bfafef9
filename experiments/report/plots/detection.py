"""Weights of honest and malicious clients over rounds: why a defence holds, or does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.report.detection import weighed_votes
from experiments.report.plots import register
from experiments.report.plots.base import Options, Plot, Runs
from experiments.report.plots.style import COLOURS, LEAST_WIDTH
from experiments.report.run_labels import run_labels
from experiments.report.verdict_lines import read_verdicts
from frl.errors import InputError

_MOST = 12
_APART = 0.16
"""Of honest from malicious votes of a round, so that neither hides the other."""


class _Look(NamedTuple):
    """The look of a kind of votes."""

    colour: str
    marker: str
    side: float


_BY_TRUTH = {"honest": _Look(COLOURS[0], "o", -_APART), "malicious": _Look(COLOURS[1], "X", _APART)}
_BY_VERDICT = {
    "counted": _Look(COLOURS[0], "o", -_APART),
    "dropped by the rule": _Look(COLOURS[1], "X", 0.0),
    "rejected by the gate": _Look(COLOURS[2], "v", _APART),
}


@register("detection")
class DetectionPlot(Plot):
    """Weights that a rule gave to honest and malicious clients over rounds, a panel a run."""

    def draw(self, runs: Runs, options: Options) -> Figure:
        """Draw each vote as a dot and the means of both kinds as lines."""
        if runs.lines:
            votes = read_verdicts(runs.lines)
            titles = votes["run"].unique().tolist()
            return _panels(votes, titles, titles, "Replies behind Robust", _BY_VERDICT, 3)
        votes = weighed_votes(runs.rounds)
        votes = votes.assign(kind=votes["malicious"].map({False: "honest", True: "malicious"}))
        configs = runs.rounds.drop_duplicates("run")
        configs = configs[configs["run"].isin(votes["run"])].reset_index(drop=True)
        columns = 2 if options.narrow else 4
        names, titles = configs["run"].tolist(), _titles(configs)
        return _panels(votes, names, titles, options.title_of(configs), _BY_TRUTH, columns)


def _panels(
    votes: pd.DataFrame,
    runs: Sequence[str],
    titles: Sequence[str],
    heading: str,
    looks: Mapping[str, _Look],
    legend_columns: int,
) -> Figure:
    if len(runs) > _MOST:
        raise InputError(f"takes at most {_MOST} runs, a panel each; these are {len(runs)}")
    columns = min(3, len(runs))
    rows = -(-len(runs) // columns)
    size = (max(LEAST_WIDTH, 0.6 + 3.4 * columns), 1.2 + 2.3 * rows)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, run, title in zip(grid.flat, runs, titles, strict=False):
        _panel(axes, votes[votes["run"] == run], looks)
        axes.set_title(title, loc="left", fontsize=9)
    for axes in grid.flat[len(runs) :]:
        axes.remove()
    for number in range(columns):
        below = [axes for axes in grid.flat[: len(runs)]][number::columns][-1]
        below.set_xlabel("round")
        below.tick_params(labelbottom=True)
    for axes in grid[:, 0]:
        axes.set_ylabel("weight in the vote")
    handles, names = grid[0, 0].get_legend_handles_labels()
    shown = legend_columns if columns > 1 else min(2, legend_columns)
    figure.legend(handles, names, loc="outside lower left", ncols=shown)
    figure.suptitle(heading, x=0.01, ha="left", fontsize=10)
    return figure


def _titles(configs: pd.DataFrame) -> list[str]:
    labels = [str(label) for label in run_labels(configs)]
    if configs["seed"].nunique() == 1:
        return labels
    return [f"{label}, seed {seed}" for label, seed in zip(labels, configs["seed"], strict=True)]


def _panel(axes: Axes, votes: pd.DataFrame, looks: Mapping[str, _Look]) -> None:
    truth = looks is _BY_TRUTH
    for name, look in looks.items():
        of_kind = votes[votes["kind"] == name]
        axes.scatter(
            of_kind["round"] + look.side, of_kind["weight"], s=9, color=look.colour,
            marker=look.marker, alpha=0.35, linewidth=0, label=f"{name} vote" if truth else name,
        )  # fmt: skip
        if truth:
            means = of_kind.groupby("round")["weight"].mean()
            line = f"mean of {name}"
            axes.plot(means.index, means, color=look.colour, linewidth=1.6, label=line)
    axes.set_ylim(-0.04, 1.04)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
