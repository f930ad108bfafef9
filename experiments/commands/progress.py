"""The progress of a run: a bar in a terminal, plain lines in a log, and a table at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from experiments.commands.options import typed
from experiments.config import Config
from experiments.config.parts import NO_ATTACK
from experiments.config.run_name import title
from experiments.records import CURVE, RunDirectory
from experiments.rounds.row import Row, Watcher
from experiments.setup.engine import describe


@contextmanager
def progress(config: Config, *, quiet: bool, done: int = 0) -> Iterator[Watcher | None]:
    """Show the rounds of a run on standard error as they are recorded.

    Parameters
    ----------
    config : Config
    quiet : bool
        Show nothing.
    done : int
        Rounds that an earlier part of this run recorded.
    """
    console = Console(stderr=True)
    if quiet:
        yield None
    elif console.is_terminal:
        with _bar(config, console, done) as watch:
            yield watch
    else:
        yield partial(_print_line, console, config, done)


@contextmanager
def _bar(config: Config, console: Console, done: int) -> Iterator[Watcher]:
    bar = Progress(
        TextColumn("{task.fields[name]}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("accuracy {task.fields[accuracy]}"),
        TimeRemainingColumn(compact=True),
        console=console,
        expand=True,
    )
    name = title(config)
    with bar:
        task = bar.add_task("", total=config.rounds, completed=done, name=name, accuracy="  -   ")

        def watch(row: Row) -> None:
            bar.update(task, completed=row.round)
            if row.accuracy is not None:
                bar.update(task, accuracy=f"{row.accuracy:6.2%}")
            if row.rejected:
                bar.console.print(f"round {row.round}: {_rejections(row)}", highlight=False)

        yield watch


def _print_line(console: Console, config: Config, done: int, row: Row) -> None:
    if row.round == done + 1:
        console.print(title(config), highlight=False, soft_wrap=True)
    console.print(_line(row, config.rounds), highlight=False, soft_wrap=True)


def _line(row: Row, rounds: int) -> str:
    accuracy = "" if row.accuracy is None else f"  accuracy {row.accuracy:.2%}"
    rejected = f"  {_rejections(row)}" if row.rejected else ""
    return f"round {row.round}/{rounds}{accuracy}  {row.seconds:.2f} s{rejected}"


def _rejections(row: Row) -> str:
    return "rejected " + ", ".join(f"{count} {reason}" for reason, count in row.rejected.items())


def print_result(result: dict[str, Any], path: Path) -> None:
    """Print the result of a run as a table, and where its files are."""
    rejected = sum(result["rejected"].values())
    reasons = ", ".join(f"{reason} {count}" for reason, count in result["rejected"].items())
    config = RunDirectory(path).config()
    rows = [
        ("run", title(config)),
        ("accuracy", f"{result['accuracy']:.2%} (best {result['best_accuracy']:.2%})"),
        *_attack(result, config),
        ("rounds", f"{result['rounds']} in {result['seconds']:.1f} s"),
        ("replies", f"{result['admitted']} admitted, {rejected} rejected {reasons}".strip()),
        ("engine", describe(config)),
        ("bytes a client", f"{result['bytes_up']:,} up, {result['bytes_down']:,} down, each round"),
        ("digest", f"{result['digest'][:16]}…"),
    ]
    if result["attack_success_rate"] is not None:
        rows.insert(2, ("attack success", f"{result['attack_success_rate']:.2%}"))
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    for name, value in rows:
        table.add_row(name, value)
    console = Console()
    console.print(table)
    console.print(f"record   {path}", highlight=False, soft_wrap=True)
    console.print(f"picture  {path / CURVE}", highlight=False, soft_wrap=True)
    for word, arguments in zip(("next", "", ""), _next(config, path), strict=True):
        console.print(f"{word:9}{typed(arguments)}", highlight=False, soft_wrap=True)


def _next(config: Config, path: Path) -> tuple[str, str, str]:
    """Return what to type to look at a run and to go on from it."""
    folder = quote(str(path.parent))
    look = f"view {folder}"
    if config.attack.name == NO_ATTACK:
        poison = "run -o attack.name=shift_reversal -o attack.fraction=0.2"
        return look, poison, f"export {quote(str(path))} -o model.safetensors"
    return look, f"plot {folder} -o compare.png", f"report {folder}"


def _attack(result: dict[str, Any], config: Config) -> list[tuple[str, str]]:
    """Say who attacked: how many of all clients, or of each round's, and in how many rounds."""
    if not result.get("malicious"):
        return []
    fixed = config.attack.sampling == "uniform"
    of = f"{config.clients} clients" if fixed else f"{config.clients_per_round} clients a round"
    when = f"in {result['attacked_rounds']} of {result['rounds']} rounds"
    return [("attack", f"{config.attack.name} by {result['malicious']} of {of}, {when}")]
