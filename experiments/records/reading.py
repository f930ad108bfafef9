"""Reading runs back: which there are at or below some paths, and their rounds as one table."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments.records.directory import RunDirectory
from experiments.records.record import CONFIG, RESULT, ROUNDS
from experiments.records.result_file import ERROR
from frl.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

FINGERPRINT = "data.fingerprint"
"""Column of the table that says which data a run was on."""
FINISHED = "finished"
"""Column of the table that says whether a run has a result."""


class _Read(NamedTuple):
    path: Path
    rows: list[dict[str, Any]]
    about: dict[str, Any]


def load(*paths: str | Path) -> pd.DataFrame:
    """Read the rounds of runs into one table.

    Parameters
    ----------
    *paths : str or Path
        Run directories, or folders of them.

    Returns
    -------
    DataFrame
        One row a round; ``run`` names the run, ``finished`` says whether it has a result, and each
        dotted configuration key is a column. Runs that mean nothing are left out, with a warning.

    Raises
    ------
    InputError
        If there is no run, none has a round yet, or a record is damaged.
    """
    import pandas as pd

    where = ", ".join(map(str, paths))
    directories = find_runs(*paths)
    if not directories:
        raise InputError(f"no runs in {where}")
    found, left_out = [], ""
    for directory in directories:
        run, why = _read(directory)
        if why:
            left_out = f"{directory} is left out: {why}"
            log.warning("%s", left_out)
        else:
            found.append(run)
    if not found:
        raise InputError(left_out)
    if not any(run.rows for run in found):
        raise InputError(f"no round yet in {where}")
    about = pd.DataFrame([run.about for run in found])
    if about[FINGERPRINT].nunique() < 2:
        about = about.drop(columns=FINGERPRINT)
    numbers = [number for number, run in enumerate(found) for _ in run.rows]
    rounds = pd.DataFrame([row for run in found for row in run.rows])
    return pd.concat([rounds, about.iloc[numbers].reset_index(drop=True)], axis=1)


def unfinished(*paths: str | Path) -> list[Path]:
    """List the run directories at or below some paths that have no result yet."""
    return [path for path in find_runs(*paths) if not (path / RESULT).is_file()]


def find_runs(*paths: str | Path) -> list[Path]:
    """List the run directories at or below some paths, in order of their names.

    Raises
    ------
    InputError
        If one has rows and no configuration.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if (path / CONFIG).is_file():
            found.append(path)
            continue
        found += sorted(config.parent for config in path.rglob(CONFIG))
        for rows in path.rglob(ROUNDS):
            if rows.stat().st_size and not (rows.parent / CONFIG).is_file():
                raise InputError(f"{rows.parent} lacks its {CONFIG}")
    return found


def meaningless(directory: RunDirectory) -> str:
    """Say why a finished run means nothing; empty where it means something or has not ended."""
    result = directory.result()
    return str(result[ERROR]) if result and result.get(ERROR) else ""


def _read(path: Path) -> tuple[_Read, str]:
    flat, identity, rows, result = RunDirectory(path).record()
    why = str((result or {}).get(ERROR) or "")
    data = identity.data[:8] if identity and identity.data else None
    about = {"run": str(path), **flat, FINISHED: result is not None, FINGERPRINT: data}
    return _Read(path, [] if why else rows, about), why
