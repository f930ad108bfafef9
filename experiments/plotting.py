"""Pictures of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from experiments.config import flatten, from_flat
from frl.errors import InputError

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, told apart by colour-blind readers."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
FORMATS = (".png", ".pdf", ".svg")

_IGNORED = ("engine.", "eval_every", "rounds")


def accuracy_curves(rounds: pd.DataFrame, path: Path, *, over: str = "rounds") -> None:
    """Draw test accuracy over rounds, or over the bytes that all clients together exchanged.

    Runs that differ only in their seed become one line with a band of one standard deviation.

    Parameters
    ----------
    rounds : DataFrame
        As :func:`experiments.records.load` returns it.
    path : Path
        Its suffix chooses the format.
    over : {"rounds", "bytes"}

    Raises
    ------
    InputError
        If the format or the axis is unknown, or no round was evaluated.
    """
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"-o {path}: takes a file name ending in {', '.join(FORMATS)}")
    if "accuracy" not in rounds or rounds["accuracy"].isna().all():
        raise InputError("nothing to draw: no round was evaluated yet")
    if over not in ("rounds", "bytes"):
        raise InputError(f"--over: got {over!r}; takes rounds or bytes")
    at = rounds["round"] if over == "rounds" else exchanged(rounds) / 1e6
    evaluated = rounds.assign(at=at).dropna(subset=["accuracy"])
    labels = series_labels(evaluated)
    with mpl.rc_context(_STYLE):
        entries = evaluated.groupby(labels).ngroups
        figure = Figure(figsize=(6.4, 3.8 + 0.22 * entries), layout="constrained")
        axes = figure.add_subplot()
        for number, (label, runs) in enumerate(evaluated.groupby(labels, sort=True)):
            by_round = runs.groupby("round")["accuracy"]
            mean, spread = 100 * by_round.mean(), 100 * by_round.std(ddof=0)
            places = runs.groupby("round")["at"].mean()
            colour = COLOURS[number % len(COLOURS)]
            seeds = runs["run"].nunique()
            axes.plot(
                places,
                mean,
                color=colour,
                marker=MARKERS[number % len(MARKERS)],
                markevery=max(1, len(mean) // 10),
                label=f"{label} ({seeds} runs)" if seeds > 1 else str(label),
            )
            if seeds > 1:
                axes.fill_between(places, mean - spread, mean + spread, color=colour, alpha=0.2)
        axes.set_xlabel("round" if over == "rounds" else "megabytes up and down, coded")
        if over == "bytes":
            axes.set_xscale("log")
        axes.set_ylabel("test accuracy (%)")
        axes.set_title(_title(evaluated), loc="left")
        axes.set_ylim(top=min(100.0, axes.get_ylim()[1]))
        figure.legend(loc="outside lower left", frameon=False)
        try:
            figure.savefig(path, dpi=150)
        except OSError as error:
            raise InputError(f"-o {path}: {error.strerror}") from None


def exchanged(rounds: pd.DataFrame) -> pd.Series:
    """Bytes that server and clients of each run exchanged up to each round, both ways.

    Where coded messages were measured, only now and then or throughout, they count with the size of
    the nearest measurement before; where none was, the bytes that travelled count.
    """
    counts = {"up": rounds["admitted"], "down": rounds["sampled"].map(len)}
    total = pd.Series(0.0, index=rounds.index)
    for way, count in counts.items():
        raw = rounds[f"bytes_{way}"].astype(float)
        known = rounds.get(f"coded_{way}", pd.Series(float("nan"), index=rounds.index))
        size = known.astype(float).groupby(rounds["run"]).transform(lambda s: s.ffill().bfill())
        total += (size * count).fillna(raw)
    return total.groupby(rounds["run"]).cumsum()


def series_labels(rounds: pd.DataFrame) -> pd.Series:
    """Name each row by its strategy and by what sets its run apart, as short as it can be.

    Of the configuration keys that differ between the runs, those at their default are left out, and
    so is the seed.
    """
    keys = [
        key
        for key in rounds.columns
        if ("." in key or key in ("clients", "clients_per_round"))
        and not key.startswith(_IGNORED)
        and rounds[key].astype(str).nunique() > 1
    ]
    return rounds.apply(lambda row: _label(row, keys), axis=1)


def _label(row: pd.Series, keys: list[str]) -> str:
    strategy = str(row["strategy.name"])
    defaults = flatten(from_flat({"strategy.name": strategy}))
    parts = [_STRATEGIES.get(strategy, strategy)]
    for key in keys:
        value = row[key]
        if key == "strategy.name" or pd.isna(value) or value == defaults.get(key):
            continue
        if key == "attack.fraction":
            parts.append(f"{value:.0%} malicious")
        elif key.endswith(".name"):
            parts.append(str(value))
        else:
            parts.append(f"{key.rsplit('.', 1)[-1]} {value}")
    return ", ".join(parts)


def _title(rounds: pd.DataFrame) -> str:
    """Say what all runs have in common."""

    def common(key: str) -> Any:
        values = rounds[key].unique()
        return values[0] if len(values) == 1 else None

    data, model = common("data.name"), common("model.name")
    clients, sampled = common("clients"), common("clients_per_round")
    parts = [Path(str(data)).name if data else "", str(model or "")]
    if clients and sampled:
        parts.append(f"{sampled} of {clients} clients a round")
    return ", ".join(part for part in parts if part)


_STRATEGIES = {"frl": "FRL", "fedavg": "FedAvg"}
_STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "svg.hashsalt": "frl",
}
