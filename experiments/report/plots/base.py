"""The base of all kinds of pictures: options, runs and axes."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import stdtrit

from experiments.config.run_name import data_name
from experiments.records import find_runs, load, unfinished
from experiments.report.metrics import measure
from experiments.report.plots.style import look
from experiments.report.run_labels import run_labels
from experiments.report.statistics import CONFIDENCE
from frl.errors import InputError

log = logging.getLogger(__name__)

_MARKERS = 10
_WIDE = 6.0
"""Inches of a picture that is not narrow."""

Over = Literal["rounds", "bytes", "up", "down"]
Band = Literal["sd", "ci", "none"]


@dataclass(frozen=True)
class Options:
    """Options of a picture.

    Attributes
    ----------
    over : {"rounds", "bytes", "up", "down"}
        What accuracy is drawn over; bytes are both ways together.
    band : {"sd", "ci", "none"}
        What is drawn around a mean over seeds: one standard deviation, or the 95 % confidence
        interval of the mean.
    title : str, optional
        By default what all runs have in common.
    width : float
        Of the picture in inches; 0: as wide as it needs.
    labels : mapping
        Words of the picture and what to write instead.
    """

    over: Over = "rounds"
    band: Band = "sd"
    title: str | None = None
    width: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def narrow(self) -> bool:
        """Whether a legend has no room for a second column of long entries."""
        return 0 < self.width < _WIDE

    def title_of(self, runs: pd.DataFrame) -> str:
        """Return the title: the one that was asked for, or what runs have in common."""
        return title_of(runs) if self.title is None else self.title

    def bands(self, values: pd.Series, by: pd.Series) -> pd.DataFrame:
        """Return ``mean``, ``low`` and ``high`` of percentages for each place.

        Parameters
        ----------
        values, by : Series
            Percentages, and where each belongs.
        """
        groups = values.groupby(by)
        mean, sd, n = groups.mean(), groups.std(ddof=1).fillna(0.0), groups.count()
        half = 0.0 * sd
        if self.band == "sd":
            half = sd
        elif self.band == "ci":
            if (n == 2).any():
                log.warning("a 95 %% confidence interval of two seeds is nearly all of the axis")
            half = (stdtrit((n - 1).clip(lower=1), (1 + CONFIDENCE) / 2) * sd) / n**0.5
        low, high = (mean - half).clip(lower=0.0), (mean + half).clip(upper=100.0)
        return pd.DataFrame({"mean": mean, "low": low, "high": high})

    @property
    def band_text(self) -> str:
        """The meaning of the band, in words."""
        return {"sd": "± one standard deviation over seeds", "ci": "95 % confidence", "none": ""}[
            self.band
        ]


class Runs:
    """Some runs, read when they are needed.

    Parameters
    ----------
    *paths : Path
        Run directories, or folders of them.
    rounds : DataFrame, optional
        What :func:`experiments.records.load` returns of them, where that is known.
    """

    def __init__(self, *paths: Path, rounds: pd.DataFrame | None = None) -> None:
        self._paths = paths
        self._rounds = rounds

    @property
    def lines(self) -> list[Path]:
        """Files of JSON lines among the paths, which are no run directories."""
        return [path for path in self._paths if path.suffix == ".jsonl"]

    @cached_property
    def rounds(self) -> pd.DataFrame:
        """One row a round."""
        return load(*self._paths) if self._rounds is None else self._rounds

    @property
    def directories(self) -> list[Path]:
        """The run directories, in order of their names."""
        return find_runs(*self._paths)

    def finished(self, without: str = "", where: Mapping[str, str] | None = None) -> pd.DataFrame:
        """Measure the finished runs; see :func:`experiments.report.metrics.measure`.

        Parameters
        ----------
        without : str
            A key that is drawn over, so that it shall not set runs apart.
        where : mapping, optional
            Values that keys must have; other runs are left out.

        Raises
        ------
        InputError
            If there is none.
        """
        left_out = unfinished(*self._paths)
        if left_out:
            log.warning("%d runs are not finished and left out", len(left_out))
        found = measure(self.rounds)
        if found.empty:
            raise InputError("nothing to draw: no run is finished")
        for key, value in (where or {}).items():
            found = found[found[key] == value].reset_index(drop=True)
        if without and len(found):
            names = ["setting", "defence", "attack"]
            found[names] = pd.DataFrame(run_labels(_level(found, without)), columns=names)
        return found


def _level(runs: pd.DataFrame, key: str) -> pd.DataFrame:
    """Make a key equal in all runs, but for whether it is zero."""
    return runs.assign(**{key: (runs[key] != 0).astype(float)})


class Plot(ABC):
    """A kind of picture; its docstring's first line is what ``frl list plots`` shows."""

    @abstractmethod
    def draw(self, runs: Runs, options: Options) -> Figure:
        """Draw it.

        Raises
        ------
        InputError
            If the runs do not have what it shows.
        """


def draw_line(axes: Axes, bands: pd.DataFrame, number: int, label: str, *, shade: bool) -> None:
    """Draw means over places, and what is around them.

    Parameters
    ----------
    axes : Axes
    bands : DataFrame
        As :meth:`Options.bands` returns it, with the places as its index.
    number : int
        Of the line, which chooses its look.
    label : str
    shade : bool
        Whether there is anything around them.
    """
    places = bands.index.to_numpy(dtype=float)
    every = max(1, len(bands) // _MARKERS)
    axes.plot(places, bands["mean"], **look(number), markevery=every, label=label)
    if shade:
        colour = look(number)["color"]
        axes.fill_between(
            places, bands["low"], bands["high"], color=colour, alpha=0.18, linewidth=0
        )


def number_columns(grid: NDArray[Any], panels: int) -> None:
    """Remove the places of a grid beyond its panels; number the x axis of each column's last one.

    Parameters
    ----------
    grid : array of Axes
        In rows and columns, with one x axis.
    panels : int
    """
    columns = grid.shape[1]
    for axes in grid.flat[panels:]:
        axes.remove()
    for axes in grid.flat[max(0, panels - columns) : panels]:
        axes.tick_params(labelbottom=True)


def title_of(runs: pd.DataFrame) -> str:
    """Say what all runs have in common: data, model, clients, how many of them are malicious."""

    def common(key: str) -> Any:
        values = runs[key].unique()
        return values[0] if len(values) == 1 else None

    model = common("model.name")
    places = runs["data.path"] if "data.path" in runs else [""] * len(runs)
    data = {data_name(*where) for where in zip(runs["data.name"], places, strict=True)}
    clients, sampled = common("clients"), common("clients_per_round")
    parts = [data.pop() if len(data) == 1 else "", str(model or "")]
    if clients and sampled:
        parts.append(f"{sampled} of {clients} clients a round")
    attacked = runs.loc[runs["attack.name"] != "none", "attack.fraction"]
    shares = set(attacked[attacked > 0])
    if len(shares) == 1:
        parts.append(f"{shares.pop():.0%} malicious under attack")
    return ", ".join(part for part in parts if part)
