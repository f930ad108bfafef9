"""The Flower ServerApp: the same run under Flower's own runtimes."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from experiments.config import Config, flatten, of_flower_run
from experiments.config.located import located
from experiments.config.portable import pin_where_asked
from experiments.records import CURVE, RunDirectory, load
from experiments.records.identity import lasting
from experiments.report.plotting import accuracy_curves
from experiments.rounds.row import Row
from frl.errors import FRLError, InputError, StoppedError

log = logging.getLogger("flwr")

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run the configuration of a Flower run; the record goes to ``$FRL_RUNS``, or ``runs``."""
    log.addFilter(_one_line)
    config = of_flower_run(context.run_config)
    pin_where_asked(config)
    from experiments.rounds.loop import execute
    from frl.grids import GuardedGrid

    directory, begun = choose_directory(
        Path(os.environ.get("FRL_RUNS", "runs")),
        str(context.run_config.get("resume", "")),
        f"flower-{context.run_id}",
        config,
    )
    log.info("recording in %s", directory.path.resolve())

    def watch(row: Row) -> None:
        accuracy = "" if row.accuracy is None else f"  accuracy {row.accuracy:.2%}"
        log.info(
            "round %d/%d%s  admitted %d  rejected %s",
            row.round,
            config.rounds,
            accuracy,
            row.admitted,
            row.rejected or 0,
        )
        for client, reason, detail in row.rejections:
            log.warning("round %d: client %d: %s: %s", row.round, client, reason, detail)

    result = directory.result() if begun else None
    if result is not None and result.get("error"):
        raise StoppedError(f"{directory.path} means nothing: {result['error']}")
    if result is None:
        guarded = GuardedGrid(grid)
        result = execute(config, directory, grid=guarded, resume=begun, watch=watch)
    accuracy_curves(load(directory.path), directory.path / CURVE)
    log.info("accuracy %.2f %%  digest %s", 100 * result["accuracy"], result["digest"])


def choose_directory(
    runs: Path, resume: str, new: str, config: Config
) -> tuple[RunDirectory, bool]:
    """Return the directory of a run, and whether the run carries on one that is there.

    Parameters
    ----------
    runs : Path
        Folder of runs.
    resume : str
        Name of a run in it to carry on; empty for a new run.
    new : str
        Name of a new run.
    config : Config
        What is asked for; the engine's settings may differ from the run's to carry on.

    Raises
    ------
    InputError
        If there is no such run, or it is a run of something else.
    """
    if not resume:
        return RunDirectory(runs / new), False
    held = sorted(path.parent.name for path in runs.glob("*/config.toml"))
    if resume not in held:
        raise InputError(
            f"resume: no run {resume!r} in {runs.resolve()}; there are {', '.join(held) or 'none'}"
        )
    directory = RunDirectory(runs / resume)
    was, asked = (_compared(c) for c in (directory.config(), located(config)))
    identity = directory.identity()
    asked |= {key: was[key] for key in (identity.place if identity else ())}
    other = [f"{key}={was.get(key)!r}" for key in asked | was if was.get(key) != asked.get(key)]
    if other:
        raise InputError(f"resume: {resume} is a run with {' '.join(other)}; takes the same by -c")
    return directory, True


def _compared(config: Config) -> dict[str, Any]:
    """Return what has to stay the same when a run is carried on."""
    return {**lasting(flatten(config)), "rounds": config.rounds}


def _one_line(record: logging.LogRecord) -> bool:
    """Show what a user can put right as one line, where Flower logs a traceback."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, FRLError):
        record.msg, record.args, record.exc_info = "frl: %s", (str(error),), None
    return True
