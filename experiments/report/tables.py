"""A report as text: Markdown, LaTeX or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

from experiments.report.metrics import LAST
from experiments.report.outcomes import Outcome, Paired, Worst
from experiments.report.statistics import CONFIDENCE, Estimate


class Table(NamedTuple):
    """A titled table of text."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def tables(
    rows: Sequence[Outcome], worst: Sequence[Worst], pairs: Sequence[Paired], reach: float | None
) -> list[Table]:
    """Lay out a report for people; columns that say nothing are left out."""
    found = [_outcome_table(rows, reach)]
    if worst:
        found.append(_worst_table(worst))
    if pairs:
        found.append(_paired_table(pairs))
    return [without_empty(table) for table in found]


def markdown(found: Sequence[Table]) -> str:
    """Render tables as Markdown."""
    parts = []
    for table in found:
        lines = [table.title, "", _line(table.header), _line(("---",) * len(table.header))]
        parts.append("\n".join(lines + [_line(row) for row in table.rows]))
    return "\n\n".join(parts)


def latex(found: Sequence[Table]) -> str:
    """Render tables as LaTeX with booktabs."""
    parts = []
    for table in found:
        columns = "l" * len(table.header)
        body = [" & ".join(map(_escaped, row)) + r" \\" for row in table.rows]
        parts.append(
            "\n".join(
                [
                    r"\begin{table}",
                    rf"\caption{{{_escaped(table.title)}}}",
                    rf"\begin{{tabular}}{{{columns}}}",
                    r"\toprule",
                    " & ".join(map(_escaped, table.header)) + r" \\",
                    r"\midrule",
                    *body,
                    r"\bottomrule",
                    r"\end{tabular}",
                    r"\end{table}",
                ]
            )
        )
    return "\n\n".join(parts)


def as_csv(rows: Sequence[Any]) -> str:
    """Render outcomes, worst cases or comparisons with a column a number, unrounded."""
    text = io.StringIO()
    flat = [_flat(row._asdict()) for row in rows]
    header = list(dict.fromkeys(key for row in flat for key in row))
    writer = csv.DictWriter(text, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue().rstrip("\n")


def _outcome_table(rows: Sequence[Outcome], reach: float | None) -> Table:
    shown = []
    for row in rows:
        cost = ""
        if reach is not None:
            cost = f"{row.reached_by} of {row.final.n}"
            if row.megabytes is not None:
                cost = f"{row.megabytes.mean:.1f} ({cost})"
        shown.append(
            (
                row.setting,
                row.defence,
                row.attack,
                str(row.final.n),
                _spread(row.final),
                _interval(row.final),
                _spread(row.best),
                _last(row),
                _spread(row.impact),
                _spread(row.success),
                cost,
            )
        )
    return Table(
        "Test accuracy in percent over seeds: mean ± standard deviation, and the "
        f"{CONFIDENCE:.0%} confidence interval of the mean (Student's t)",
        (
            "setting",
            "rule",
            "attack",
            "seeds",
            "final",
            f"{CONFIDENCE:.0%} CI",
            "best",
            f"mean of last {LAST} rounds",
            "impact",
            "attack success",
            "" if reach is None else f"MB to {reach:.0%} (seeds)",
        ),
        shown,
    )


def _worst_table(worst: Sequence[Worst]) -> Table:
    shown = [
        (
            row.setting,
            row.defence,
            f"{row.attack} (of {row.attacks})",
            _spread(row.final),
            _interval(row.final),
            _spread(row.impact),
        )
        for row in worst
    ]
    header = ("setting", "rule", "worst attack", "final", f"{CONFIDENCE:.0%} CI", "impact")
    return Table("Worst case over the attacks that were run", header, shown)


def _paired_table(pairs: Sequence[Paired]) -> Table:
    shown = []
    for pair in pairs:
        difference = pair.comparison.difference
        shown.append(
            (
                pair.over,
                str(difference.n),
                _spread(difference, sign="+"),
                _interval(difference, sign="+"),
                _p(pair.comparison.t_p),
                _p(pair.comparison.wilcoxon_p),
            )
        )
    title = f"Final accuracy of {pairs[0].first} minus {pairs[0].second}, paired by seed and attack"
    header = ("over", "pairs", "difference", f"{CONFIDENCE:.0%} CI", "t-test p", "Wilcoxon p")
    return Table(title, header, shown)


def without_empty(table: Table) -> Table:
    """Leave out columns that say nothing."""
    kept = [number for number in range(len(table.header)) if any(row[number] for row in table.rows)]
    return Table(
        table.title,
        tuple(table.header[number] for number in kept),
        [tuple(row[number] for number in kept) for row in table.rows],
    )


def _spread(found: Estimate | None, sign: str = "") -> str:
    if found is None:
        return ""
    return f"{found.mean:{sign}.2f}" + ("" if found.sd is None else f" ± {found.sd:.2f}")


def _last(row: Outcome) -> str:
    """Say of how many evaluations a mean is, where it is not one a round."""
    few = row.evaluations < LAST
    return _spread(row.last) + (f" (of {row.evaluations})" if few else "")


def _interval(found: Estimate, sign: str = "") -> str:
    if found.low is None or found.high is None:
        return ""
    return f"{found.low:{sign}.1f} to {found.high:{sign}.1f}"


def _p(value: float | None) -> str:
    if value is None:
        return "-"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _escaped(text: str) -> str:
    marks = {"\\": r"\textbackslash{}", "±": r"$\pm$", "<": "$<$", "~": r"\textasciitilde{}"}
    marks |= {mark: "\\" + mark for mark in "%_&#${}"} | {"^": r"\textasciicircum{}"}
    return "".join(marks.get(character, character) for character in text)


def _flat(row: dict[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if hasattr(value, "_asdict"):
            flat.update(_flat(value._asdict(), f"{above}{key}_"))
        elif value is not None:
            flat[f"{above}{key}"] = value
    return flat
