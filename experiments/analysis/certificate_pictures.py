"""Pictures of certificates and of bounds on a vote's failure."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.analysis.certificate_report import ALL, share_left, total
from experiments.analysis.certificates import HOWS, Proof
from experiments.analysis.grouped_runs import GroupedRuns
from experiments.report.plotting import COLOURS, FORMATS
from frl.errors import InputError
from strategies.certificates.vote_failure import cantelli, exact, half_sqrt

_COLUMNS = 3
_LABELS = {"added": "added", "replaced": "in place of honest ones"}
RIGHT = (0.6, 0.7, 0.8, 0.9)
"""Probabilities that a benign voter is right, one panel each."""


def certified_shares(proofs: Sequence[Proof], path: Path, title: str) -> None:
    """Draw the certified share of each layer's mask over M, beside what an attack left of it.

    Parameters
    ----------
    proofs : sequence of Proof
    path : Path
        Its suffix chooses the format.
    title : str

    Raises
    ------
    InputError
        If the format is unknown or the file cannot be written.
    """
    check_format(path)
    numbers = sorted({row.malicious for row in proofs})
    rows = [*proofs, *(total(proofs, how, number) for how in HOWS for number in numbers)]
    layers = list(dict.fromkeys(row.layer for row in rows))
    columns = min(_COLUMNS, len(layers))
    lines = ceil(len(layers) / columns)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(2.6 * columns + 0.6, 2.1 * lines + 1.2), layout="constrained")
        grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
        for axes, layer in zip(grid.flat, layers, strict=False):
            own = [row for row in rows if row.layer == layer]
            _panel(axes, own)
            name = f"{layer}, {own[0].certificate.edges:,} edges in the mask"
            axes.set_title(name, loc="left", fontsize=9, weight="bold" if layer == ALL else None)
        for axes in grid.flat[len(layers) :]:
            axes.remove()
        for place, axes in enumerate(grid.flat[: len(layers)]):
            if place + columns >= len(layers):
                axes.set_xlabel("malicious votes M")
                axes.tick_params(labelbottom=True)
        for axes in grid[:, 0]:
            axes.set_ylabel("share of the mask (%)")
        grid[0, 0].set_ylim(-3, 103)
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=2, frameon=False)
        figure.suptitle(title, x=0.01, ha="left", fontsize=10)
        _save(figure, path)


def certified_accuracy(found: GroupedRuns, path: Path) -> None:
    """Draw the certified accuracy of the majority of groups over M, beside the groups' own.

    Parameters
    ----------
    found : GroupedRuns
    path : Path
        Its suffix chooses the format.
    """
    check_format(path)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(5.2, 3.4), layout="constrained")
        axes = figure.subplots()
        shares = 100 * found.certified
        axes.step(range(len(shares)), shares, where="post", label="majority, certified")
        alone = [100 * accuracy for accuracy in found.alone]
        axes.plot([0] * len(alone), alone, "_", color=COLOURS[1], label="one group, M = 0")
        axes.set_xlabel("malicious clients M")
        axes.set_ylabel("test accuracy (%)")
        axes.set_ylim(-3, 103)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside lower left", ncols=2, frameon=False)
        figure.suptitle(found.name, x=0.01, ha="left", fontsize=10)
        _save(figure, path)


def failure_bounds(clients: int, path: Path) -> None:
    """Draw the exact probability that a vote on an edge fails, and two bounds on it.

    Parameters
    ----------
    clients : int
        Voters.
    path : Path
        Its suffix chooses the format.
    """
    check_format(path)
    numbers = range(clients // 2 + 1)
    shares = [number / clients for number in numbers]
    curves = (
        ("exact", "-", [[exact(clients, m, right) for m in numbers] for right in RIGHT]),
        ("Cantelli", "--", [[cantelli(clients, a, right) for a in shares] for right in RIGHT]),
        ("half-sqrt", ":", [[half_sqrt(clients, a, right) for a in shares] for right in RIGHT]),
    )
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7.6, 5.2), layout="constrained")
        grid = figure.subplots(2, 2, sharex=True, sharey=True)
        for place, (axes, right) in enumerate(zip(grid.flat, RIGHT, strict=True)):
            for number, (label, style, values) in enumerate(curves):
                percent = [100 * a for a in shares]
                axes.plot(percent, values[place], style, color=COLOURS[number], label=label)
            axes.set_yscale("log")
            axes.set_title(f"a benign voter is right with p = {right}", loc="left", fontsize=9)
        grid[0, 0].set_ylim(1e-4, 1.5)
        for axes in grid[1]:
            axes.set_xlabel("malicious voters (%)")
        for axes in grid[:, 0]:
            axes.set_ylabel("P(vote fails)")
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=3, frameon=False)
        title = f"A yes-or-no vote of {clients} clients; malicious ones reverse what they think"
        figure.suptitle(title, x=0.01, ha="left", fontsize=10)
        _save(figure, path)


def check_format(path: Path) -> None:
    """Raise ``InputError`` unless a file name says which picture to make."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"-o {path}: takes a file name ending in {', '.join(FORMATS)}")


def _panel(axes: Axes, rows: Sequence[Proof]) -> None:
    for place, how in enumerate(HOWS):
        own = [row for row in rows if row.how == how]
        at = [row.malicious for row in own]
        colour = COLOURS[place]
        proved = [100 * row.certificate.certified for row in own]
        line = "-" if len(at) > 1 else "D"
        axes.plot(at, proved, line, color=colour, label=f"certified, M votes {_LABELS[how]}")
        left = [share_left(row) for row in own]
        if None not in left:
            axes.plot(
                at,
                [100 * (share or 0.0) for share in left],
                "os"[place],
                color=colour,
                markerfacecolor="none",
                label=f"left by the strongest attack, M votes {_LABELS[how]}",
            )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _save(figure: Figure, path: Path) -> None:
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise InputError(f"-o {path}: {error.strerror}") from None


_STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "svg.hashsalt": "frl",
}
