"""What a person sees of a sweep: a live table in a terminal, plain lines in a log."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from experiments.config.grid import Point
from experiments.sweep.sweep import Progress, Watcher

_EVERY = 0.5
_LATEST = 6
_STYLES = {"running": "cyan", "done": "green", "kept": "green", "failed": "red"}


class View:
    """What is known of every point.

    Parameters
    ----------
    points : sequence of Point
    out : Path
        Folder of the runs, by which they are named relatively.
    jobs : int
        Runs at once, for the time that is left.
    """

    def __init__(self, points: Sequence[Point], out: Path, jobs: int) -> None:
        self._out = out
        self._jobs = jobs
        self._begun = time.monotonic()
        self._known: dict[Path, Progress] = {
            point.directory.path: Progress(point, "waiting") for point in points
        }

    def note(self, change: Progress) -> None:
        """Take in a change; what ended last comes last."""
        path = change.point.directory.path
        if self._known[path].state != change.state:
            self._known.pop(path)
        self._known[path] = change

    def name(self, change: Progress) -> str:
        """Name a point by its folder below that of the sweep."""
        path = change.point.directory.path
        return str(path.relative_to(self._out)) if path.is_relative_to(self._out) else str(path)

    def headline(self) -> str:
        """Count what is done and what failed, and say how long it has taken and will take."""
        count = Counter(change.state for change in self._known.values())
        parts = [f"{count['done'] + count['kept']} of {len(self._known)} done"]
        if count["failed"]:
            parts.append(f"{count['failed']} failed")
        parts.append(f"{_clock(time.monotonic() - self._begun)} so far")
        left = self.seconds_left()
        return ", ".join(parts if left is None else [*parts, f"about {_clock(left)} left"])

    def seconds_left(self) -> float | None:
        """Guess from the runs that this sweep finished; ``None`` before the first."""
        changes = list(self._known.values())
        took = [change.seconds for change in changes if change.state == "done"]
        under_way = [change for change in changes if change.state == "running"]
        ahead = len(under_way) + sum(change.state == "waiting" for change in changes)
        if not took or not ahead:
            return None
        mean = sum(took) / len(took)
        work = mean * ahead - sum(min(change.seconds, mean) for change in under_way)
        return work / max(1, min(self._jobs, ahead))

    def line(self, change: Progress) -> str:
        """Describe a change in one line."""
        accuracy = "" if change.accuracy is None else f"  accuracy {change.accuracy:.2%}"
        about = {
            "failed": f": {change.error}",
            "done": f"{accuracy}  {change.seconds:.1f} s  [{self.headline()}]",
            "kept": f"{accuracy}  from an earlier sweep",
        }.get(change.state, "")
        return f"{change.state:<8} {self.name(change)}{about}"

    def table(self, width: int) -> Group:
        """Draw what runs, what failed, and what was done last, in so many columns."""
        shown = list(self._known.values())
        failed = [change for change in shown if change.state == "failed"]
        ended = [change for change in shown if change.state in ("done", "kept")]
        table = Table(box=None, show_header=False, pad_edge=False, width=width)
        table.add_column(width=8)
        table.add_column(ratio=3, no_wrap=True, overflow="ellipsis")
        table.add_column(ratio=2)
        table.add_column(width=9, justify="right")
        table.add_column(width=8, justify="right")
        for change in [*ended[-_LATEST:], *(c for c in shown if c.state == "running")]:
            rounds = change.point.config.rounds
            table.add_row(
                Text(change.state, _STYLES[change.state]),
                self.name(change),
                ProgressBar(rounds, change.round or rounds * (change.state == "done")),
                f"{change.round or rounds * (change.state == 'done')}/{rounds}",
                "" if change.accuracy is None else f"{change.accuracy:.2%}",
            )
        lines = [
            Text(self.line(change), _STYLES["failed"], no_wrap=True, overflow="ellipsis")
            for change in failed[-_LATEST:]
        ]
        waiting = sum(change.state == "waiting" for change in shown)
        more = f", {waiting} waiting" if waiting else ""
        return Group(*lines, table, Text(self.headline() + more, "bold"))


@contextmanager
def sweep_view(points: Sequence[Point], out: Path, jobs: int, *, quiet: bool) -> Iterator[Watcher]:
    """Show the points of a sweep on standard error as they change.

    Parameters
    ----------
    points : sequence of Point
    out : Path
    jobs : int
        Runs at once.
    quiet : bool
        Show nothing.
    """
    console, view = Console(stderr=True), View(points, out, jobs)
    if quiet:
        yield lambda change: None
    elif console.is_terminal:
        with _live(console, view) as watch:
            yield watch
    else:
        yield _lines(console, view)


def _lines(console: Console, view: View) -> Watcher:
    told: dict[Path, str] = {}

    def watch(change: Progress | None) -> None:
        if change is None:
            return
        view.note(change)
        path = change.point.directory.path
        if change.state != "waiting" and told.get(path) != change.state:
            told[path] = change.state
            console.print(view.line(change), highlight=False, markup=False, soft_wrap=True)

    return watch


@contextmanager
def _live(console: Console, view: View) -> Iterator[Watcher]:
    shown = 0.0
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:

        def watch(change: Progress | None) -> None:
            nonlocal shown
            if change is not None:
                view.note(change)
            elif time.monotonic() - shown >= _EVERY:
                shown = time.monotonic()
                live.update(view.table(console.width), refresh=True)

        yield watch
        live.update(view.table(console.width), refresh=True)


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
