"""Metrics of finished runs: accuracies, and the communication they took."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pandas as pd

from experiments.records.reading import FINISHED
from experiments.report.run_labels import run_labels

log = logging.getLogger(__name__)

LAST = 10
"""Rounds at the end whose evaluations are averaged."""


def measure(rounds: pd.DataFrame, reach: float | None = None) -> pd.DataFrame:
    """Measure runs.

    Parameters
    ----------
    rounds : DataFrame
        As :func:`experiments.records.load` returns it.
    reach : float, optional
        An accuracy; what it takes to reach it is measured too.

    Returns
    -------
    DataFrame
        One row a run that got to its last round: its configuration; ``setting``, ``defence`` and
        ``attack`` of its :class:`experiments.report.run_labels.Label`; in percent ``final``,
        ``best``, ``last`` (mean of the evaluations of the last ten rounds, of which there are
        ``evaluations``) and ``success`` of a backdoor; and ``megabytes`` that all clients exchanged
        until ``reach``, and its ``reached`` round. Of runs with the same label and seed one is
        left.
    """
    grouped = rounds.assign(exchanged=exchanged(rounds) / 1e6).groupby("run", sort=False)
    rows = []
    for _, run in grouped:
        end = run.iloc[-1]
        if end["round"] < end["rounds"] or not end.get(FINISHED, True):
            continue
        accuracy = 100 * run["accuracy"].dropna().astype(float)
        last = accuracy[run["round"] > end["round"] - LAST]
        enough = accuracy[accuracy >= 100 * reach] if reach is not None else accuracy.iloc[:0]
        at = run.loc[enough.index[0]] if len(enough) else None
        rows.append(
            {
                **end.to_dict(),
                "final": accuracy.iloc[-1],
                "best": accuracy.max(),
                "last": last.mean(),
                "evaluations": len(last),
                "success": 100 * _number(end["attack_success_rate"]),
                "megabytes": float("nan") if at is None else at["exchanged"],
                "reached": float("nan") if at is None else at["round"],
            }
        )
    runs = pd.DataFrame(rows)
    if runs.empty:
        return runs
    labels = pd.DataFrame(run_labels(runs), columns=["setting", "defence", "attack"])
    return _once(pd.concat([runs, labels], axis=1))


def exchanged(rounds: pd.DataFrame, ways: Sequence[str] = ("up", "down")) -> pd.Series:
    """Bytes that server and clients of each run exchanged up to each round, both ways by default.

    Where coded messages were measured, only now and then or throughout, they count with the size of
    the nearest measurement before; where none was, the bytes that travelled count.
    """
    counts = {"up": rounds["admitted"], "down": rounds["sampled"].map(len)}
    total = pd.Series(0.0, index=rounds.index)
    for way, count in ((way, counts[way]) for way in ways):
        raw = rounds[f"bytes_{way}"].astype(float)
        known = rounds.get(f"coded_{way}", pd.Series(float("nan"), index=rounds.index))
        by_run = known.astype(float).groupby(rounds["run"])
        size = by_run.ffill().fillna(by_run.bfill())
        total += (size * count).fillna(raw)
    return total.groupby(rounds["run"]).cumsum()


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _once(runs: pd.DataFrame) -> pd.DataFrame:
    """Count equal runs once: they have equal results, and would feign certainty."""
    again = runs.duplicated(["setting", "defence", "attack", "seed"])
    if again.any():
        log.warning(
            "%d runs repeat another with the same configuration and seed; they count once: %s",
            again.sum(),
            ", ".join(runs.loc[again, "run"].head(3)),
        )
    return runs[~again].reset_index(drop=True)
