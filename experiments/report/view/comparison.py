"""Runs side by side: their accuracies over seeds, worst cases, differences and pictures."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments.report.view.reading.viewed_run import DAMAGED, NO_MEANING, ViewedRun
from experiments.report.view.shown import shown
from frl.errors import FRLError, InputError

if TYPE_CHECKING:
    import pandas as pd

MOST = 200
"""Runs that are compared at once: every row of theirs is read and checked."""
KINDS = {
    "accuracy": "Accuracy over rounds; a band is one standard deviation over seeds",
    "worst": "Final accuracy without an attack and under the worst one",
    "heatmap": "Final accuracy of each rule under each attack",
    "breakdown": "Final accuracy over the share of malicious clients",
    "heterogeneity": "Final accuracy over how uneven the shards are",
    "backdoor": "Success of a backdoor over rounds",
    "detection": "Weights of honest and malicious clients over rounds",
}
"""Pictures of ``frl plot`` that compare, and what each shows."""
NUMBERS = {kind: "table/runs" for kind in KINDS} | {
    "accuracy": "curves",
    "worst": "table/worst",
    "backdoor": "curves",
    "detection": "weights",
}
"""Where the numbers of each picture are, below the comparison's address."""
TABLES = ("runs", "worst", "compare")
FORMATS = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}
_ONE_AT_A_TIME = threading.Lock()
"""Matplotlib's settings are of the whole process."""


class Comparison(NamedTuple):
    """What is known of some runs; see :mod:`experiments.report`.

    Attributes
    ----------
    rounds, runs : DataFrame
        As ``load`` and ``measure`` return them; the second may be empty.
    """

    rounds: pd.DataFrame
    runs: pd.DataFrame

    def tables(self, rules: Sequence[str]) -> list[Any]:
        """Lay out outcomes, worst cases, and the differences of two rules."""
        from experiments.report import tables

        return tables.tables(*self._rows(rules), None) if len(self.runs) else []

    def csv(self, table: str, rules: Sequence[str]) -> str:
        """Return one of ``TABLES`` with a column a number."""
        from experiments.report import tables

        rows = self._rows(rules)[TABLES.index(table)] if len(self.runs) else []
        return tables.as_csv(rows) + "\n"

    @property
    def rules(self) -> list[str]:
        """Rules that have finished runs."""
        return sorted(set(self.runs["defence"])) if len(self.runs) else []

    def kinds(self) -> list[str]:
        """List the pictures that have something to show."""
        return [kind for kind, fits in _FITS.items() if fits(self)]

    def picture(self, kind: str, form: str) -> bytes:
        """Draw one of ``KINDS`` in one of ``FORMATS``.

        Raises
        ------
        InputError
            If the runs do not have what it shows.
        """
        from experiments.report.plots import Runs
        from experiments.report.plotting import draw

        with _ONE_AT_A_TIME, tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"picture.{form}"
            draw(kind, Runs(rounds=self.rounds), path)
            return path.read_bytes()

    def curves(self) -> str:
        """Return accuracy of every run and round as CSV."""
        columns = ["run", "seed", "round", "accuracy", "loss", "attack_success_rate"]
        return str(self.rounds[columns].to_csv(index=False, lineterminator="\n"))

    def weights(self) -> str:
        """Return the weight of every vote that a rule weighed, next to the truth, as CSV."""
        from experiments.report.detection import weighed_votes

        return str(weighed_votes(self.rounds).to_csv(index=False, lineterminator="\n"))

    def _rows(self, rules: Sequence[str]) -> tuple[list[Any], list[Any], list[Any]]:
        from experiments.report.outcomes import outcomes, paired, worst_cases

        rows = outcomes(self.runs)
        known = len(rules) == 2 and set(rules) <= set(self.rules) and rules[0] != rules[1]
        return rows, worst_cases(rows), paired(self.runs, *rules) if known else []


def compared(runs: Sequence[ViewedRun]) -> Comparison:
    """Read and measure runs; those that are damaged, mean nothing or have no round are left out.

    Raises
    ------
    InputError
        If none is left, there are more than ``MOST``, or a record was changed.
    """
    fit = [run for run in runs if run.round and run.state not in (DAMAGED, NO_MEANING)]
    if not fit:
        raise InputError("no run to compare: none has a round that can be read")
    if len(fit) > MOST:
        raise InputError(f"these are {len(fit)} runs; at most {MOST} are compared, choose fewer")
    return _read(tuple((run.path, run.version) for run in fit))


def compared_or_why(runs: Sequence[ViewedRun]) -> tuple[Comparison | None, str]:
    """Compare runs, or say why that cannot be done."""
    try:
        return compared(runs), ""
    except FRLError as error:
        return None, shown(str(error))


@lru_cache(maxsize=4)
def _read(runs: tuple[tuple[Path, int], ...]) -> Comparison:
    from experiments.records import load
    from experiments.report.metrics import measure

    rounds = load(*(path for path, _ in runs))
    return Comparison(rounds, measure(rounds))


def _attacked(found: Comparison) -> bool:
    return len(found.runs) > 0 and any(found.runs["attack"] != "clean")


def _several(found: Comparison, key: str) -> bool:
    return len(found.runs) > 0 and bool(found.runs[key].nunique() > 1)


def _some(found: Comparison, column: str) -> bool:
    return column in found.rounds and bool(found.rounds[column].notna().any())


_FITS: dict[str, Callable[[Comparison], bool]] = {
    "accuracy": lambda found: _some(found, "accuracy"),
    "worst": _attacked,
    "heatmap": _attacked,
    "breakdown": lambda found: _several(found, "attack.fraction"),
    "heterogeneity": lambda found: (
        _several(found, "data.alpha") and set(found.runs["data.partition"]) == {"dirichlet"}
    ),
    "backdoor": lambda found: _some(found, "attack_success_rate"),
    "detection": lambda found: _some(found, "weights") and found.rounds["run"].nunique() <= 12,
}
