"""Pictures of runs: what the command line and notebooks call."""

from __future__ import annotations

from pathlib import Path
from typing import cast, get_args

import matplotlib as mpl
import pandas as pd

from experiments.report.plots import Options, Runs, registry
from experiments.report.plots.base import Over
from experiments.report.plots.style import (
    COLOURS,
    FORMATS,
    MARKERS,
    STYLE,
    check_format,
    fit,
    save,
    widen,
)
from frl.errors import InputError

__all__ = ["COLOURS", "FORMATS", "MARKERS", "accuracy_curves", "draw"]


def draw(kind: str, runs: Runs, path: Path, options: Options | None = None) -> None:
    """Draw a kind of picture.

    Parameters
    ----------
    kind : str
        See ``frl list plots``.
    runs : Runs
    path : Path
        Its suffix chooses the format.
    options : Options, optional

    Raises
    ------
    InputError
        If the kind or the format is unknown, or the runs do not have what it shows.
    """
    check_format(path)
    plot = registry.make(kind)
    chosen = options or Options()
    with mpl.rc_context(STYLE):
        figure = plot.draw(runs, chosen)
        fit(figure, chosen.width, chosen.labels)
        if not chosen.width:
            widen(figure)
        save(figure, path)


def accuracy_curves(rounds: pd.DataFrame, path: Path, *, over: str = "rounds") -> None:
    """Draw test accuracy over rounds, or over the bytes that all clients together exchanged.

    Parameters
    ----------
    rounds : DataFrame
        As :func:`experiments.records.load` returns it.
    path : Path
        Its suffix chooses the format.
    over : {"rounds", "bytes", "up", "down"}
        Bytes are both ways together.

    Raises
    ------
    InputError
        If the format or the axis is unknown, or no round was evaluated.
    """
    if over not in get_args(Over):
        raise InputError(f"--over: got {over!r}; takes {', '.join(get_args(Over))}")
    draw("accuracy", Runs(rounds=rounds), path, Options(over=cast(Over, over)))
