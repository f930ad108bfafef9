"""Pictures of results that the repository keeps: a grid, and the CSV of its evaluations.

``python docs/pictures.py GRID.toml ROWS.csv -o FILE``; options are ``--kind`` and ``--over``,
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
from experiments.report.plots.base import Options
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
        Columns ``run``, ``seed``, ``round``, ``accuracy`` and ``attack_success_rate``; and where
        bytes were counted ``megabytes_up`` and ``megabytes_down``, of all clients up to the round.
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
        plain = own.drop(columns=["run", "seed"]).assign(**_NOT_KEPT, **about)
        found.append(plain.assign(**_bytes_between(own)))
    if not found or not sum(map(len, found)):
        raise InputError(f"{rows}: holds no {', '.join(names) or 'run'} of {grid}")
    return pd.concat([own for own in found if len(own)], ignore_index=True)


def _bytes_between(own: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the bytes each way between the kept rounds of a run, where its totals were kept."""
    return {
        f"bytes_{way}": 1e6 * total.diff().fillna(total)
        for way in ("up", "down")
        if (total := own.get(f"megabytes_{way}")) is not None
    }


def _main(
    grid: Path,
    rows: Path,
    output: Annotated[Path, typer.Option("-o", "--output")],
    kind: str = "accuracy",
    run: list[str] | None = None,
    over: str = "rounds",
) -> None:
    """Draw kept results as ``frl plot`` draws runs."""
    draw(kind, Runs(rounds=kept_results(grid, rows, run or ())), output, Options(over=over))


if __name__ == "__main__":
    typer.run(_main)
