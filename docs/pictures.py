"""Pictures of results that the repository keeps: a grid, and the CSV of its evaluations.

``python docs/pictures.py GRID.toml ROWS.csv -o FILE``; options are ``--kind``,
as of ``frl plot``, and ``--run NAME`` for each run that is wanted, by default all.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from experiments.config import flatten
from experiments.records.reading import FINGERPRINT, FINISHED
from experiments.report.plots import Runs
from experiments.report.plotting import draw
from experiments.sweep.grid import read_grid
from frl.errors import InputError

_NOT_KEPT = dict.fromkeys(("loss", "admitted", "bytes_up", "bytes_down"), float("nan")) | {
    "sampled": ""
}


def kept_results(grid: Path, rows: Path, names: Sequence[str] = ()) -> pd.DataFrame:
    """Return kept rows as :func:`experiments.records.load` returns those of runs.

    Parameters
    ----------
    grid : Path
        What was run: its names are the column ``run`` of the rows.
    rows : Path
        Columns ``run``, ``seed``, ``round``, ``accuracy`` and ``attack_success_rate``.
    names : sequence of str
        Of the runs that are wanted; by default all.

    Raises
    ------
    InputError
        If no row is of a run of the grid.
    """
    kept = pd.read_csv(rows)
    found = []
    for point in read_grid(grid, Path("runs")):
        name, seed = point.name.partition("/")[0], point.config.seed
        if names and name not in names:
            continue
        own = kept[(kept["run"] == name) & (kept["seed"] == seed)]
        run = f"{name}/seed-{seed}"
        about = {**flatten(point.config), FINGERPRINT: "", FINISHED: True, "run": run}
        found.append(own.drop(columns=["run", "seed"]).assign(**_NOT_KEPT, **about))
    if not found or not sum(map(len, found)):
        raise InputError(f"{rows}: holds no {', '.join(names) or 'run'} of {grid}")
    return pd.concat([own for own in found if len(own)], ignore_index=True)


def _main(
    grid: Path,
    rows: Path,
    output: Annotated[Path, typer.Option("-o", "--output")],
    kind: str = "accuracy",
    run: list[str] | None = None,
) -> None:
    """Draw kept results as ``frl plot`` draws runs."""
    draw(kind, Runs(rounds=kept_results(grid, rows, run or ())), output)


if __name__ == "__main__":
    typer.run(_main)
