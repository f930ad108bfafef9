"""What was found on a device, as two CSV files and a page that can go into the documentation."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from experiments.benchmarks.gpu.selection_times import SelectionTime
from experiments.benchmarks.row import Row

_MET = {True: "met", False: "missed", None: "not measured"}


@dataclass
class Findings:
    """All that was measured so far.

    Attributes
    ----------
    title : str
        Of the device, and what it was measured with.
    checks : list of Row
        Whether the device gives the same.
    speeds : list of Row
    run : str
        What the run is of.
    rounds : list of dict
        Rows of the run.
    note : str
        Why there are none, or how to carry on.
    """

    title: str
    run: str
    checks: list[Row] = field(default_factory=list)
    speeds: list[Row] = field(default_factory=list)
    selections: list[SelectionTime] = field(default_factory=list)
    rounds: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""

    @property
    def figures(self) -> list[Row]:
        """All rows."""
        return self.checks + self.speeds

    @property
    def told(self) -> str:
        """How far the run got, in words."""
        seconds = sum(row["seconds"] + row["eval_seconds"] for row in self.rounds)
        played = f"{len(self.rounds)} rounds in {seconds:.0f} seconds. " if self.rounds else ""
        return played + self.note

    def write(self, folder: Path) -> None:
        """Write ``figures.csv``, ``selection.csv`` and ``figures.md``."""
        folder.mkdir(parents=True, exist_ok=True)
        tables = {"figures.csv": self._figures(), "selection.csv": self._selections()}
        for name, table in tables.items():
            (folder / name).write_text(_csv(table), encoding="utf-8")
        parts = [f"# {self.title}", _markdown(self._figures())]
        if self.selections:
            parts += ["## Selecting a mask, milliseconds", _markdown(self._selections())]
        if self.rounds or self.note:
            parts += [f"## {self.run}", self.told, _markdown(self._accuracies())]
        text = "\n\n".join(part for part in parts if part) + "\n"
        (folder / "figures.md").write_text(text, encoding="utf-8")

    def _figures(self) -> list[list[str]]:
        head = ["name", "figure", "measured", "bar", "", "details"]
        return [head, *([*_cells(row)] for row in self.figures)]

    def _selections(self) -> list[list[str]]:
        ways = list(self.selections[0].milliseconds) if self.selections else []
        return [
            ["model", "layer", "edges", "clients", *ways, "fastest"],
            *(
                [
                    time.model,
                    time.layer,
                    str(time.edges),
                    str(time.clients),
                    *(f"{time.milliseconds[way]:.3g}" for way in ways),
                    time.fastest,
                ]
                for time in self.selections
            ),
        ]

    def _accuracies(self) -> list[list[str]]:
        measured = [row for row in self.rounds if row["accuracy"] is not None]
        return [
            ["round", "test accuracy, %"],
            *([str(row["round"]), f"{100 * row['accuracy']:.2f}"] for row in measured),
        ]


def _cells(row: Row) -> list[str]:
    details = ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key}: {value}"
        for key, value in row.details.items()
    )
    sign = "≤" if row.better == "lower" else "≥"
    value = "" if row.value is None else f"{row.value:.3g}"
    return [row.name, row.figure, value, f"{sign} {row.bar:g}", _MET[row.met], details]


def _csv(table: list[list[str]]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(table)
    return text.getvalue()


def _markdown(table: list[list[str]]) -> str:
    if len(table) < 2:
        return ""
    lines = ["| " + " | ".join(cells) + " |" for cells in table]
    return "\n".join([lines[0], "|---" * len(table[0]) + "|", *lines[1:]])
