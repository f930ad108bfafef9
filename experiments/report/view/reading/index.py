"""The index of all runs below some folders, kept up to date."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments.report.view.reading.folders import run_folders
from experiments.report.view.reading.viewed_run import ViewedRun
from frl.errors import InputError

_LOOK_FOR_NEW = 1.0
"""Seconds between two searches for new run directories."""
_READ_AHEAD = 0.1
"""Seconds in which each look reads rows that nobody asked for, so that damage comes to light."""


class Index:
    """The runs at or below some folders.

    Parameters
    ----------
    roots : sequence of Path
        Nothing outside of them is ever read.

    Attributes
    ----------
    version : int
        Grows whenever a run changed, came or went.

    Raises
    ------
    InputError
        If a folder is missing.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        for root in roots:
            if not root.is_dir():
                raise InputError(f"no folder {str(root)!r}")
        self.roots = [root.resolve() for root in roots]
        self.version = 0
        self._runs: dict[Path, ViewedRun] = {}
        self._by_id: dict[str, ViewedRun] = {}
        self._searched = 0.0
        self._lock = threading.Lock()
        self._search()

    def runs(self) -> list[ViewedRun]:
        """Return all runs, as they are now."""
        with self._lock:
            if time.monotonic() - self._searched > _LOOK_FOR_NEW:
                self._search()
            changed = [run.refresh() for run in self._runs.values()]
            self.version += any(changed)
            if not any(changed):
                self._read_ahead()
            return list(self._runs.values())

    def run(self, id: str) -> ViewedRun | None:
        """Return the run of that id as it is now; ``None`` where there is none."""
        with self._lock:
            if id not in self._by_id:
                self._search()
            run = self._by_id.get(id)
            if run is not None:
                self.version += run.refresh()
            return run

    def _read_ahead(self) -> None:
        until = time.monotonic() + _READ_AHEAD
        for run in self._runs.values():
            if run.unread and time.monotonic() < until:
                _ = run.points

    def _search(self) -> None:
        folders = run_folders([root for root in self.roots if root.is_dir()])
        names = dict(zip(folders, self._names(folders), strict=True))
        gone = self._runs.keys() - names.keys()
        new = [path for path in folders if path not in self._runs]
        for path in gone:
            del self._by_id[self._runs.pop(path).id]
        for path in new:
            run = ViewedRun(path, names[path])
            self._runs[path] = self._by_id[run.id] = run
        self.version += bool(gone or new)
        self._searched = time.monotonic()

    def _names(self, folders: Sequence[Path]) -> Iterator[str]:
        """Name runs by their place below the folder given, and that folder where there are more."""
        for path in folders:
            root = next(root for root in self.roots if root == path or root in path.parents)
            inside = os.path.relpath(path, root)
            many = len(self.roots) > 1 or inside == "."
            yield os.path.normpath(os.path.join(root.name, inside)) if many else inside
