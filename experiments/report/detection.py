"""Detection of malicious clients by rules that weigh or drop clients, against the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from experiments.report.tables import Table
from frl.errors import InputError
from strategies.dropped import DROPPED

STRETCHES = 4
"""Stretches of rounds that are told apart."""


class Detection(NamedTuple):
    """What a rule dropped in a stretch of rounds, of all runs that differ in their seed alone.

    Attributes
    ----------
    setting, defence, attack : str
        See :class:`experiments.report.run_labels.Label`.
    first, last : int
        Rounds, both included.
    idle : int
        Rounds in which nobody counted: no word on anybody, and in none of the other figures.
    votes, malicious, dropped, caught : int
        Admitted votes; those of malicious clients; those that weigh less than ``DROPPED``; those
        that are both.
    precision, recall : float or None
        ``caught / dropped`` and ``caught / malicious``; None where nothing was dropped, or nobody
        was malicious.
    separation : float or None
        Probability that a malicious vote of a round weighs less than an honest one of that round
        (half for equal weights): the area under the ROC curve. None without both.
    honest_weight, malicious_weight : float or None
        Means.
    """

    setting: str
    defence: str
    attack: str
    first: int
    last: int
    idle: int
    votes: int
    malicious: int
    dropped: int
    caught: int
    precision: float | None
    recall: float | None
    separation: float | None
    honest_weight: float | None
    malicious_weight: float | None


def weighed_votes(rounds: pd.DataFrame) -> pd.DataFrame:
    """List every vote that a rule weighed.

    Parameters
    ----------
    rounds : DataFrame
        As :func:`experiments.records.load` returns it.

    Returns
    -------
    DataFrame
        Columns ``run``, ``round``, ``client``, ``weight``, ``reason`` and ``malicious``.

    Raises
    ------
    InputError
        If there is none.
    """
    columns = ["run", "round", "client", "weight", "reason", "malicious"]
    known = rounds.dropna(subset=["weights"]) if "weights" in rounds else rounds.iloc[:0]
    votes = [
        (row["run"], row["round"], client, weight, reason, client in row["malicious"])
        for _, row in known.iterrows()
        for client, weight, reason in row["weights"]
    ]
    if not votes:
        raise InputError("no detection: no rule of these runs weighs or drops clients")
    return pd.DataFrame(votes, columns=columns)


def detections(rounds: pd.DataFrame, runs: pd.DataFrame) -> list[Detection]:
    """Compare what was dropped with the truth.

    Parameters
    ----------
    rounds : DataFrame
        As :func:`experiments.records.load` returns it.
    runs : DataFrame
        As :func:`experiments.report.metrics.measure` returns it; other runs are left out.

    Raises
    ------
    InputError
        If no rule of these runs weighs or drops clients.
    """
    votes = weighed_votes(rounds[rounds["run"].isin(runs["run"])])
    names = ["setting", "defence", "attack"]
    labelled = votes.merge(runs[["run", *names]], on="run")
    return [
        _detection((str(setting), str(defence), str(attack)), stretch)
        for (setting, defence, attack), group in labelled.groupby(names, sort=False)
        for stretch in _stretches(group)
    ]


def detection_table(found: Sequence[Detection]) -> Table:
    """Lay out detections for people."""
    shown = [
        (
            row.setting,
            row.defence,
            row.attack,
            f"{row.first}-{row.last}",
            str(row.idle),
            str(row.malicious),
            str(row.dropped),
            _share(row.precision),
            _share(row.recall),
            _share(row.separation),
            _share(row.honest_weight),
            _share(row.malicious_weight),
        )
        for row in found
    ]
    return Table(
        f"Detection: votes of less weight than {DROPPED} are dropped; separation is the chance "
        "that a malicious vote weighs less than an honest one (0.5: told apart by nothing); in an "
        "idle round nobody counted, and it is left out",
        (
            "setting",
            "rule",
            "attack",
            "rounds",
            "idle",
            "malicious votes",
            "dropped",
            "precision",
            "recall",
            "separation",
            "honest weight",
            "malicious weight",
        ),
        shown,
    )


def _stretches(votes: pd.DataFrame) -> Iterator[pd.DataFrame]:
    last = int(votes["round"].max())
    ends = [last * number // STRETCHES for number in range(STRETCHES + 1)]
    for before, end in pairwise(ends):
        stretch = votes[(votes["round"] > before) & (votes["round"] <= end)]
        if len(stretch):
            yield stretch


def _detection(label: tuple[str, str, str], stretch: pd.DataFrame) -> Detection:
    most = stretch.groupby(["run", "round"])["weight"].transform("max")
    votes = stretch[most > 0]
    malicious, dropped = votes["malicious"], votes["weight"] < DROPPED
    caught = int((malicious & dropped).sum())
    return Detection(
        *label,
        int(stretch["round"].min()),
        int(stretch["round"].max()),
        len(stretch[most == 0][["run", "round"]].drop_duplicates()),
        len(votes),
        int(malicious.sum()),
        int(dropped.sum()),
        caught,
        caught / int(dropped.sum()) if dropped.any() else None,
        caught / int(malicious.sum()) if malicious.any() else None,
        _separation(votes),
        _mean(votes.loc[~malicious, "weight"]),
        _mean(votes.loc[malicious, "weight"]),
    )


def _separation(votes: pd.DataFrame) -> float | None:
    """Add up Mann and Whitney's U of each round, over the number of pairs."""
    less, pairs = 0.0, 0
    for _, at in votes.groupby(["run", "round"], sort=False):
        malicious = at["malicious"].to_numpy(dtype=bool)
        honest = int((~malicious).sum())
        if honest and malicious.any():
            ranks = np.asarray(rankdata(at["weight"]))
            less += float(ranks[~malicious].sum()) - honest * (honest + 1) / 2
            pairs += honest * int(malicious.sum())
    return less / pairs if pairs else None


def _mean(weights: pd.Series) -> float | None:
    return float(weights.mean()) if len(weights) else None


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
