"""The command line: ``frl run``, ``resume``, ``sweep``, ``report``, ``plot`` and so on."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from experiments.commands.certify import certify
from experiments.commands.export import export
from experiments.commands.help import PlainHelp
from experiments.commands.redteam import redteam
from experiments.commands.report import plot, report
from experiments.config.environment import be_quiet

DONE, STOPPED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

app = typer.Typer(
    name="frl",
    help="Federated rank learning: clients send rankings, the server votes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
command = partial(app.command, cls=PlainHelp)

Overrides = Annotated[
    list[str] | None,
    typer.Option("-o", "--override", metavar="KEY=VALUE", help="Set a configuration key."),
]
Track = Annotated[
    list[str] | None,
    typer.Option("--track", metavar="NAME", help="Tell a tracker too: frl list trackers."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")]


@command()
def run(
    config: Annotated[
        Path | None,
        typer.Argument(help="TOML file; without one: embedded digits, under a minute."),
    ] = None,
    override: Overrides = None,
    profile: Annotated[str, typer.Option(help="Profile of the file, such as quick.")] = "",
    out: Annotated[Path | None, typer.Option(help="Run directory; default: runs/NAME-N.")] = None,
    track: Track = None,
    as_json: AsJson = False,
) -> None:
    """Run an experiment and record it."""
    from experiments import config as configuration
    from experiments.records import RunDirectory

    settings = configuration.read(config, override or (), profile)
    directory = RunDirectory.of(settings, out)
    _carry_out(settings, directory, resume=False, track=track or (), as_json=as_json)


@command()
def resume(
    directory: Annotated[Path, typer.Argument(help="Run directory.")],
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Round to end with; a finished run goes on to it.")
    ] = None,
    track: Track = None,
    as_json: AsJson = False,
) -> None:
    """Carry on a run that was stopped, from its checkpoint, or a finished one to a later round."""
    from experiments.records import RunDirectory

    stopped = RunDirectory(directory)
    settings = stopped.config() if rounds is None else stopped.extend(rounds)
    finished = stopped.result()
    if finished is not None:
        _report(finished, stopped.path, as_json=as_json)
        return
    _carry_out(settings, stopped, resume=True, track=track or (), as_json=as_json)


@command()
def sweep(
    grid: Annotated[Path, typer.Argument(help="TOML file of the runs.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the runs; default: runs/ and the file's name.")
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=0, help="Most runs at once; 0: as many as fit the cores.")
    ] = 0,
    override: Overrides = None,
    track: Track = None,
    as_json: AsJson = False,
) -> None:
    """Run every point of a grid; what is done is not run again, what was stopped goes on."""
    from experiments.sweep.job import prepare

    prepare()
    from experiments.config.grid import read_grid
    from experiments.sweep.summary import markdown, summarise
    from experiments.sweep.sweep import cores
    from experiments.sweep.sweep import sweep as run_points
    from experiments.sweep.view import sweep_view
    from frl.errors import StoppedError

    folder = out or Path("runs") / grid.stem
    points = read_grid(grid, folder, override or ())
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with sweep_view(points, folder, jobs or cores(), quiet=as_json) as watch:
            outcomes = list(run_points(points, jobs=jobs, watch=watch, track=track or ()))
    except KeyboardInterrupt:
        _complain("interrupted; the same command carries on where it was")
        raise
    rows = summarise(outcomes)
    typer.echo(json.dumps([row._asdict() for row in rows]) if as_json else markdown(rows))
    failed = [outcome for outcome in outcomes if outcome.result is None]
    if failed:
        raise StoppedError(
            f"{len(failed)} of {len(outcomes)} runs failed, the first: "
            f"{failed[0].point.directory.path}: {failed[0].error}"
        )


command()(redteam)
command()(plot)
command()(report)


@command(name="list")
def list_(
    kind: Annotated[
        str, typer.Argument(help="What to list; without it: what there is to list.")
    ] = "",
    as_json: AsJson = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """List what a configuration can name: attacks, rules, models, datasets and so on."""
    from experiments.commands.catalogue import catalogue, markdown, print_catalogue

    if as_json:
        typer.echo(json.dumps(catalogue(kind), indent=2))
    elif as_markdown:
        typer.echo(markdown(kind))
    else:
        print_catalogue(kind)


@command()
def cost(
    model: Annotated[str, typer.Option(help="Model; default: the run's, or conv2.")] = "",
    run: Annotated[Path | None, typer.Option(help="Measure on the checkpoint of a run.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure what a message costs in every coding, next to float32."""
    from experiments.analysis.cost import costs, print_costs, report
    from experiments.analysis.cost_sample import sample

    measured = sample(model, run)
    rows = costs(measured)
    if as_json:
        typer.echo(json.dumps(report(measured, rows), indent=2))
    else:
        print_costs(measured, rows)


command()(certify)
command()(export)


@command()
def bench(
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="Just this row or group.")
    ] = None,
    reliability: Annotated[
        bool, typer.Option("--reliability", help="Just the rows on scale and memory.")
    ] = False,
    rules: Annotated[
        bool, typer.Option("--rules", help="Just the robust rules, beside ByzFL's if installed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure speed and memory; each figure is a ratio taken inside one run."""
    from experiments.benchmarks import measure, print_rows

    if rules:
        from experiments.benchmarks.rules import main as measure_rules

        measure_rules([*(only or ()), *(["--json"] if as_json else [])])
        return

    rows = measure([*(only or ()), *(["reliability-"] if reliability else [])])
    if as_json:
        typer.echo(json.dumps([{**row._asdict(), "met": row.met} for row in rows], indent=2))
    else:
        print_rows(rows)


def main() -> None:
    """Run the command line; an error is one line, and exit status 2 where the input is wrong."""
    be_quiet()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    import click

    from frl.errors import InputError, StoppedError

    try:
        status = app(standalone_mode=False)
    except InputError as error:
        _complain(str(error))
        sys.exit(BAD_INPUT)
    except click.exceptions.NoArgsIsHelpError as error:
        typer.echo(error.format_message())
        sys.exit(BAD_INPUT)
    except click.ClickException as error:
        _complain(error.format_message())
        sys.exit(BAD_INPUT)
    except StoppedError as error:
        _complain(str(error))
        sys.exit(STOPPED)
    except (KeyboardInterrupt, click.Abort):
        _leave(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(DONE)
    except OSError as error:
        _complain(f"{type(error).__name__}: {error}")
        sys.exit(STOPPED)
    sys.exit(status if isinstance(status, int) else DONE)


def _carry_out(
    settings: Any, directory: Any, *, resume: bool, track: Sequence[str], as_json: bool
) -> None:
    from experiments.commands.progress import progress
    from experiments.records import CURVE, load
    from experiments.report.plotting import accuracy_curves
    from experiments.rounds.loop import execute
    from experiments.trackers import Tracking
    from frl.errors import StoppedError

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with (
            Tracking(track, settings, directory) as tracking,
            progress(settings, quiet=as_json, done=len(directory.rows())) as watch,
        ):
            tell = partial(tracking.watch, also=watch)
            result = execute(settings, directory, resume=resume, watch=tell)
            tracking.finish(result)
    except KeyboardInterrupt:
        rounds = len(directory.rows())
        _complain(f"interrupted after round {rounds} of {settings.rounds}; {_how(directory)}")
        raise
    except StoppedError as error:
        raise StoppedError(f"{error}; {_how(directory)}") from None
    accuracy_curves(load(directory.path), directory.path / CURVE)
    _report(result, directory.path, as_json=as_json)


def _leave(status: int) -> None:
    """End at once: an interrupted Ray would keep the interpreter for minutes."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _how(directory: Any) -> str:
    there = directory.begun()
    return f"resume with: frl resume {directory.path}" if there else "nothing to resume"


def _report(result: dict[str, Any], path: Path, *, as_json: bool) -> None:
    from experiments.commands.progress import print_result

    if as_json:
        typer.echo(json.dumps(result))
    else:
        print_result(result, path)


def _complain(message: str) -> None:
    typer.echo(f"frl: {' '.join(message.split())}", err=True)


if __name__ == "__main__":
    main()
