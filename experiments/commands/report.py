"""``frl report`` and ``frl plot``: what a set of runs says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    import pandas as pd

Directories = Annotated[list[Path], typer.Argument(help="Run directories, or folders of them.")]


def plot(
    directories: Directories,
    output: Annotated[Path, typer.Option("-o", "--output", help="PNG, PDF or SVG file.")],
    kind: Annotated[str, typer.Option(help="What to draw: frl list plots.")] = "accuracy",
    over: Annotated[
        Literal["rounds", "bytes", "up", "down"],
        typer.Option(help="What accuracy is drawn over; bytes: both ways."),
    ] = "rounds",
    band: Annotated[
        Literal["sd", "ci", "none"],
        typer.Option(help="Around a mean over seeds: standard deviation or 95 % confidence."),
    ] = "sd",
    title: Annotated[str | None, typer.Option(help="Title; default: what runs share.")] = None,
    width: Annotated[
        float, typer.Option(min=0, max=40, help="Inches; 0: as wide as it needs. Column: 3.3.")
    ] = 0.0,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="OLD=NEW", help="Write NEW where the picture says OLD."),
    ] = None,
) -> None:
    """Draw runs: accuracy over rounds or bytes, rule by attack, worst cases and more."""
    from experiments.report.plots import Options, Runs
    from experiments.report.plotting import draw

    options = Options(over, band, title, width, _renamed(label or ()))
    draw(kind, Runs(*directories), output, options)
    typer.echo(output)


def _renamed(labels: Sequence[str]) -> dict[str, str]:
    from frl.errors import InputError

    for label in labels:
        if "=" not in label.strip("="):
            raise InputError(f"--label: got {label!r}; takes OLD=NEW")
    return dict(label.split("=", 1) for label in labels)


def report(
    directories: Directories,
    format: Annotated[
        Literal["auto", "md", "csv", "json", "latex"],
        typer.Option(help="How to print it; auto: tables in a terminal, else md."),
    ] = "auto",
    table: Annotated[
        Literal["all", "runs", "worst", "compare"],
        typer.Option(help="Which table; csv takes one of them, by default runs."),
    ] = "all",
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Compare two rules, paired by seed and attack."),
    ] = None,
    detection: Annotated[
        bool, typer.Option("--detection", help="Report which votes rules dropped, by the truth.")
    ] = False,
    reach: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Accuracy to which communication is counted, as 0.9."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File; default: standard output.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="File for a page with all tables, pictures and runs.")
    ] = None,
) -> None:
    """Report accuracies over seeds, what attacks cost, worst cases and comparisons."""
    from experiments.records import load, unfinished
    from experiments.records.json_text import json_text
    from experiments.report import tables as report_tables
    from experiments.report.metrics import measure
    from experiments.report.outcomes import as_json, outcomes, paired, worst_cases
    from frl.errors import InputError

    if html is not None:
        _write_page(directories, compare or (), html)
        return
    left_out = unfinished(*directories)
    rounds = load(*directories)
    runs = measure(rounds, reach)
    if left_out:
        typer.echo(f"frl: {len(left_out)} runs are not finished and left out", err=True)
    if runs.empty:
        raise InputError("nothing to report: no run is finished")
    if table == "compare" and compare is None:
        raise InputError("--table compare: takes --compare A B")
    if detection:
        _write(_detection(rounds, runs, format), output, laid_out=format == "auto")
        return
    rows = outcomes(runs)
    worst = worst_cases(rows)
    pairs = paired(runs, *compare) if compare else []
    if format == "json":
        text = json_text(as_json(rows, worst, pairs), indent=2)
    elif format == "csv":
        chosen: dict[str, Sequence[object]] = {"worst": worst, "compare": pairs}
        text = report_tables.as_csv(chosen.get(table, rows))
    else:
        found = report_tables.tables(rows, worst, pairs, reach)
        wanted = {"runs": found[:1], "worst": found[1:2] if worst else [], "compare": found[-1:]}
        render = report_tables.latex if format == "latex" else report_tables.markdown
        text = render(wanted.get(table, found))
    _write(text, output, laid_out=format == "auto")


def _detection(rounds: pd.DataFrame, runs: pd.DataFrame, format: str) -> str:
    from experiments.records.json_text import json_text
    from experiments.report import tables as report_tables
    from experiments.report.detection import detection_table, detections

    found = detections(rounds, runs)
    if format == "json":
        return json_text([row._asdict() for row in found], indent=2)
    if format == "csv":
        return report_tables.as_csv(found)
    render = report_tables.latex if format == "latex" else report_tables.markdown
    return render([report_tables.without_empty(detection_table(found))])


def _write_page(directories: Sequence[Path], rules: Sequence[str], file: Path) -> None:
    from experiments.report.view.html_file import html_report

    _write(html_report(directories, rules).rstrip("\n"), file, option="--html")
    typer.echo(file)


def _write(text: str, output: Path | None, *, option: str = "-o", laid_out: bool = False) -> None:
    from experiments.commands.options import show
    from frl.errors import InputError

    if output is None:
        show(text) if laid_out else typer.echo(text)
        return
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{option} {output}: {error.strerror}") from None
