"""``frl run`` and ``frl resume``: one run, recorded."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from experiments.commands.options import AsJson, Overrides, Profile, Track, complain, typed


def run(
    config: Annotated[
        Path | None,
        typer.Argument(help="TOML file, or a name of frl list configs; default: digits."),
    ] = None,
    override: Overrides = None,
    profile: Profile = "",
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


def resume(
    directory: Annotated[Path, typer.Argument(help="Run directory.")],
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Round to end with; a finished run goes on to it.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder that holds the run's data now, if they moved.")
    ] = None,
    track: Track = None,
    as_json: AsJson = False,
) -> None:
    """Carry on a run that was stopped, from its checkpoint, or a finished one to a later round."""
    from experiments.records import RunDirectory
    from frl.errors import StoppedError

    stopped = RunDirectory(directory)
    settings = stopped.config() if rounds is None else stopped.extend(rounds)
    finished = stopped.result()
    if finished is not None and finished.get("error"):
        raise StoppedError(f"{directory} means nothing: {finished['error']}")
    if finished is not None:
        _report(finished, stopped.path, as_json=as_json)
        return
    if data is not None:
        place = settings.data.model_copy(update={"path": str(data.absolute())})
        settings = settings.model_copy(update={"data": place})
    _carry_out(settings, stopped, resume=True, track=track or (), as_json=as_json)


def _carry_out(
    settings: Any, directory: Any, *, resume: bool, track: Sequence[str], as_json: bool
) -> None:
    from experiments import trackers
    from experiments.config.portable import pin_where_asked
    from experiments.records import CURVE, load

    pin_where_asked(settings)
    for name in track:
        trackers.registry.get(name)
    if not resume:
        directory.refuse_existing()
    from experiments.commands.progress import progress
    from experiments.report.plotting import accuracy_curves
    from experiments.rounds.loop import execute
    from experiments.rounds.meaning import MeaninglessError
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
        complain(f"interrupted after round {rounds} of {settings.rounds}; {_how(directory)}")
        raise
    except MeaninglessError:
        raise
    except StoppedError as error:
        raise StoppedError(f"{error}; {_how(directory)}") from None
    accuracy_curves(load(directory.path), directory.path / CURVE)
    _report(result, directory.path, as_json=as_json)


def _how(directory: Any) -> str:
    again = typed(f"resume {quote(str(directory.path))}")
    return f"resume with: {again}" if directory.begun() else "nothing to resume"


def _report(result: dict[str, Any], path: Path, *, as_json: bool) -> None:
    from experiments.commands.progress import print_result
    from experiments.records.json_text import json_text

    if as_json:
        typer.echo(json_text(result))
    else:
        print_result(result, path)
