"""``frl redteam``: the search for the attack that hurts a defence most."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.commands.options import AsJson, Jobs, Overrides, Profile, complain

if TYPE_CHECKING:
    from experiments.sweep.grid import Point
    from experiments.sweep.sweep import Outcome

FOUND = "redteam.json"


def redteam(
    config: Annotated[
        Path | None, typer.Argument(help="TOML file of the defence; without one: the defaults.")
    ] = None,
    override: Overrides = None,
    profile: Profile = "",
    budget: Annotated[int, typer.Option(min=1, help="Runs under attack, short ones too.")] = 96,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of the worst attacks.")] = 3,
    benign: Annotated[
        bool, typer.Option("--benign", help="Also attackers that see honest clients' updates.")
    ] = False,
    schedules: Annotated[
        bool, typer.Option("--schedules", help="Also attackers that behave at first, or mostly.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the runs; default: runs/redteam-RULE.")
    ] = None,
    jobs: Jobs = 0,
    as_json: AsJson = False,
) -> None:
    """Search every attack and its parameters for the one that hurts a defence most.

    Short runs first, then the worst few at full length, then with every seed. What is done is not
    run again.
    """
    from experiments.sweep.job import prepare

    prepare()
    from experiments import config as configuration

    settings = configuration.read(config, override or (), profile)
    from experiments.commands.options import show
    from experiments.records.atomic_files import write_atomically
    from experiments.records.json_text import json_text
    from experiments.redteam import Budget, search
    from experiments.redteam.report import as_json as render
    from experiments.redteam.report import markdown
    from experiments.sweep.sweep import sweep
    from experiments.sweep.view import sweep_view
    from frl.cores import usable_cores

    rule = settings.strategy.rule
    folder = out or Path("runs") / f"redteam-{rule.split('(')[0]}"
    spent = Budget.of(budget, seeds)
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    def run(points: Sequence[Point]) -> Iterator[Outcome]:
        with sweep_view(points, folder, jobs or usable_cores(), quiet=as_json) as watch:
            yield from sweep(points, jobs=jobs, watch=watch)

    try:
        found = search(settings, folder, spent, run, benign=benign, schedules=schedules)
    except KeyboardInterrupt:
        complain("interrupted; the same command carries on where it was")
        raise
    given = [word for key in override or () for word in ("-o", key)]
    given += ["--profile", profile] if profile else []
    base = ["frl", "run", *([str(config)] if config else []), *given]
    everything = render(found, base, configuration.flatten(settings))
    text = json_text(everything, indent=2)
    write_atomically(folder / FOUND, (text + "\n").encode())
    if as_json:
        typer.echo(text)
    else:
        show(markdown(found, base))
