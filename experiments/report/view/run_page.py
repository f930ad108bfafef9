"""The page of one run: what happened in it, who voted, who lied, what the vote did about it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from experiments.records import CHECKPOINT, CONFIG, CURVE, RESULT, ROUNDS
from experiments.records.identity import IDENTITY
from experiments.records.record import read_record
from experiments.records.rows import read_rows
from experiments.report.view.charts.axes import Span
from experiments.report.view.charts.lines import Line, line_chart
from experiments.report.view.charts.shards import shards_chart
from experiments.report.view.charts.strip import strip
from experiments.report.view.charts.weights import weight_chart
from experiments.report.view.config_table import config_table
from experiments.report.view.reading.growing_file import file_state
from experiments.report.view.reading.recorded_shards import RecordedShards, recorded_shards
from experiments.report.view.reading.viewed_run import FINISHED, ViewedRun
from experiments.report.view.shown import shown
from experiments.report.view.voters import REJECTED, Voter, are_weighed, voters
from frl.errors import InputError

FILES = {
    CONFIG: "the configuration",
    ROUNDS: "a row a round",
    RESULT: "the result",
    IDENTITY: "what the run is, and of which data",
    "log.txt": "what the run said",
    CURVE: "accuracy over rounds",
}
"""Files of a run that can be opened."""
_MARKS, _LEAST = 2500, 10
"""Marks in a strip, and rounds that it has at least."""


def run_page(run: ViewedRun, until: int = 0) -> dict[str, Any]:
    """Return what the page shows.

    Parameters
    ----------
    run : ViewedRun
    until : int
        The last round of the strip; 0: the last there is.
    """
    rows, damage = _rows(run)
    fates = {row["round"]: voters(row) for row in rows}
    return {
        "run": run,
        "state": run.state,
        "why": run.why or damage,
        "facts": _facts(run, rows, fates),
        "charts": [(name, chart) for name, chart in _charts(rows, run.rounds) if chart],
        "strip": _strip(fates, until),
        "weights": weight_chart(fates) if are_weighed(rows) else None,
        "rejections": _rejections(fates),
        "shards": (shards := _shards(run)),
        "shards_chart": shards_chart(shards) if shards else None,
        "config": config_table(run.config),
        "commands": _commands(run),
        "files": _files(run.path),
        "checkpoints": _checkpoints(run.path),
        "folder": shown(str(run.path)),
        "seen": len(rows),
    }


def _rows(run: ViewedRun) -> tuple[list[dict[str, Any]], str]:
    """Read the rows up to the first damaged one, and check that the record is whole."""
    linked = [name for name in (CONFIG, ROUNDS, RESULT, IDENTITY) if (run.path / name).is_symlink()]
    if linked:
        return [], f"{', '.join(linked)}: a link, which is not followed"
    found = read_rows(run.path / ROUNDS)
    damage = found.damage
    if not damage and run.state == FINISHED:
        try:
            read_record(run.path)
        except (InputError, KeyError) as error:
            damage = str(error)
    return found.rows, shown(damage)


def _facts(
    run: ViewedRun, rows: Sequence[Mapping[str, Any]], fates: Mapping[int, Sequence[Voter]]
) -> list[tuple[str, str]]:
    every = [voter for of_round in fates.values() for voter in of_round]
    rejected = sum(voter.fate == REJECTED for voter in every)
    facts = [("round", f"{len(rows)} of {run.rounds or '?'}")]
    if run.accuracy is not None and run.best is not None:
        facts.append(("accuracy", f"{run.accuracy:.2%} (best {run.best:.2%})"))
    if run.success is not None:
        facts.append(("backdoor success", f"{run.success:.2%}"))
    facts.append(("votes", f"{len(every) - rejected} admitted, {rejected} rejected"))
    malicious = [voter for voter in every if voter.malicious]
    if malicious:
        clients = len({voter.client for voter in malicious})
        facts.append(("malicious", f"{len(malicious)} votes, of {clients} clients"))
    facts.append(("seconds", f"{sum(row['seconds'] for row in rows):.1f}"))
    up, down = (sum(row[key] for row in rows) for key in ("bytes_up", "bytes_down"))
    facts.append(("megabytes", f"{up / 1e6:.1f} up, {down / 1e6:.1f} down"))
    return facts


def _charts(rows: Sequence[Mapping[str, Any]], rounds: int) -> Iterator[tuple[str, Markup | None]]:
    """Yield what each chart shows, and the chart."""
    whole = Span(0, 100)
    shares = {"test accuracy": _line(rows, "accuracy", 100)}
    if any(row["attack_success_rate"] is not None for row in rows):
        shares["backdoor success"] = _line(rows, "attack_success_rate", 100)
    losses = {"test loss": _line(rows, "loss"), "training loss": _line(rows, "train_loss")}
    sizes = {"up": _line(rows, "bytes_up"), "down": _line(rows, "bytes_down")}
    times = {"training, vote": _line(rows, "seconds"), "evaluation": _line(rows, "eval_seconds")}
    churn, agreement = _layers(rows, "churn"), _layers(rows, "agreement")
    for name, unit, lines, span in (
        ("Accuracy over rounds, in percent", "percent", shares, whole),
        ("Loss over rounds", "loss", losses, None),
        ("Bytes of all clients in each round", "bytes", sizes, None),
        ("Seconds of each round", "seconds", times, None),
        ("Churn: percent of the mask's edges replaced, by layer", "percent", churn, None),
        ("Agreement of voters: Kendall's W in percent, by layer", "percent", agreement, whole),
    ):
        yield name, line_chart(name, unit, lines, rounds, span)


def _line(rows: Sequence[Mapping[str, Any]], key: str, times: float = 1) -> Line:
    return [(row["round"], _number(row.get(key), times)) for row in rows]


def _layers(rows: Sequence[Mapping[str, Any]], key: str) -> dict[str, Line]:
    tables = [(row["round"], row[key]) for row in rows if isinstance(row.get(key), dict)]
    names = dict.fromkeys(name for _, table in tables for name in table)
    return {
        shown(name): [(number, _number(table.get(name), 100)) for number, table in tables]
        for name in list(names)[:28]
    }


def _number(value: Any, times: float) -> float | None:
    return value * times if type(value) in (int, float) else None


def _strip(fates: Mapping[int, Sequence[Voter]], until: int) -> dict[str, Any]:
    """Return a stretch of rounds that can be drawn, and where those before and after it end."""
    each = max(map(len, fates.values()), default=1) or 1
    length = max(_LEAST, _MARKS // each)
    last = min(until, len(fates)) if until else len(fates)
    first = max(1, last - length + 1)
    drawn = {number: fates[number] for number in range(first, last + 1) if number in fates}
    return {
        "picture": strip(drawn),
        "table": list(drawn.items())[-_LEAST:],
        "first": first,
        "last": last,
        "earlier": first - 1 if first > 1 else 0,
        "later": min(last + length, len(fates)) if last < len(fates) else 0,
    }


def _shards(run: ViewedRun) -> RecordedShards | None:
    return None if (run.path / IDENTITY).is_symlink() else recorded_shards(run.path)


def _rejections(fates: Mapping[int, Sequence[Voter]]) -> list[tuple[str, int, int]]:
    """Count by fate and reason: of honest and of malicious votes."""
    counts: dict[str, list[int]] = {}
    for of_round in fates.values():
        for voter in of_round:
            name = f"{voter.fate}: {shown(voter.reason)}" if voter.reason else voter.fate
            counts.setdefault(name, [0, 0])[voter.malicious] += 1
    return sorted((name, honest, malicious) for name, (honest, malicious) in counts.items())


def _commands(run: ViewedRun) -> list[tuple[str, str]]:
    folder = shlex.quote(shown(str(run.path)))
    return [
        ("go on", f"frl resume {folder}"),
        ("certify", f"frl certify {folder}"),
        ("export the model", f"frl export {folder} -o model.safetensors"),
        ("draw its shards", f"frl plot {folder} --kind shards -o shards.svg"),
    ]


def _files(folder: Path) -> list[tuple[str, str, int]]:
    states = {name: file_state(folder / name) for name in FILES}
    return [(name, FILES[name], state[1]) for name, state in states.items() if state]


def _checkpoints(folder: Path) -> list[tuple[str, int]]:
    place = folder / CHECKPOINT
    if not place.is_dir() or place.is_symlink():
        return []
    found = [(shown(path.name), file_state(path)) for path in sorted(place.iterdir())]
    return [(name, state[1]) for name, state in found if state][:50]
