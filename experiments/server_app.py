"""The Flower ServerApp: the same run under Flower's own runtimes."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from experiments.config import from_flat
from experiments.plotting import accuracy_curves
from experiments.records import CURVE, RunDirectory, load
from experiments.rounds import Row
from experiments.run import execute

log = logging.getLogger("flwr")

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run the configuration of a Flower run; the record goes to ``$FRL_RUNS``, or ``runs``."""
    config = from_flat(context.run_config)
    directory = RunDirectory(Path(os.environ.get("FRL_RUNS", "runs")) / f"flower-{context.run_id}")
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

    result = execute(config, directory, grid=grid, watch=watch)
    accuracy_curves(load(directory.path), directory.path / CURVE)
    log.info("accuracy %.2f %%  digest %s", 100 * result["accuracy"], result["digest"])
