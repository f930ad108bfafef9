"""The numbers of a run's rounds as CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from experiments.records import ROUNDS
from experiments.records.rows import read_rows

_COLUMNS = (
    "round",
    "accuracy",
    "loss",
    "attack_success_rate",
    "train_loss",
    "admitted",
    "bytes_up",
    "bytes_down",
    "seconds",
    "eval_seconds",
)


def round_table(folder: Path) -> str:
    """Return a line a round; what was not measured is empty."""
    text = io.StringIO()
    path = folder / ROUNDS
    rows = [] if path.is_symlink() else read_rows(path).rows
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_COLUMNS, "sampled", "malicious", "rejected"])
    for row in rows:
        counts = [len(row["sampled"]), len(row["malicious"]), sum(row["rejected"].values())]
        writer.writerow([*(_number(row.get(key)) for key in _COLUMNS), *counts])
    return text.getvalue()


def _number(value: object) -> int | float | None:
    return value if isinstance(value, int | float) else None
