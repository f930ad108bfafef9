"""A run of as many rounds as fit into a time; the next call carries it on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from experiments.config import Config
from experiments.records import RunDirectory
from experiments.rounds.loop import execute
from experiments.rounds.row import Row


class _TimeOverError(Exception):
    """The next round would not fit."""


def run_until(config: Config, folder: Path, left: Callable[[], float]) -> list[dict[str, Any]]:
    """Play rounds, at least one, while there is time for another as long as the longest so far.

    Parameters
    ----------
    config : Config
    folder : Path
        Of the run; one that was stopped is carried on, by its own configuration.
    left : callable
        Returns the seconds that are left.

    Returns
    -------
    list of dict
        The rows of all rounds so far.

    Raises
    ------
    InputError
        If the data or the device are missing; nothing is written then.
    """
    directory, longest = RunDirectory(folder), 0.0

    def watch(row: Row) -> None:
        nonlocal longest
        longest = max(longest, row.seconds + row.eval_seconds)
        if left() < longest:
            raise _TimeOverError

    if directory.result() is None:
        begun = directory.begun()
        with suppress(_TimeOverError):
            execute(directory.config() if begun else config, directory, resume=begun, watch=watch)
    return directory.rows()
