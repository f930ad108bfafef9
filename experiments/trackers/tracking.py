"""The trackers of one run, none of which can stop it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from experiments.config import Config, flatten
from experiments.records import RunDirectory
from experiments.rounds.row import Row, Watcher
from experiments.trackers.base import Tracker, metrics

log = logging.getLogger(__name__)


class Tracking:
    """Tells trackers of a run; a context manager around it.

    Parameters
    ----------
    names : sequence of str
        See ``frl list trackers``; with none, nothing is imported and nothing happens.
    config : Config
    directory : RunDirectory
        Its path is read when the first round comes: it may be numbered until then.

    Raises
    ------
    InputError
        If a name is unknown, or what a tracker needs is not installed.
    """

    def __init__(self, names: Sequence[str], config: Config, directory: RunDirectory) -> None:
        from experiments.trackers import registry

        self._trackers: dict[str, Tracker] = {name: registry.make(name) for name in names}
        self._config = config
        self._directory = directory
        self._begun = False
        self._result: Mapping[str, Any] | None = None

    def watch(self, row: Row, also: Watcher | None = None) -> None:
        """Take a round in; ``also`` is told of it as well."""
        if also is not None:
            also(row)
        if not self._begun:
            self._begun = True
            flat, path = flatten(self._config), Path(self._directory.path)
            self._each(lambda tracker: tracker.begin(flat, path, row.round))
        if self._trackers:
            figures = metrics(row)
            self._each(lambda tracker: tracker.round(row.round, figures))

    def finish(self, result: Mapping[str, Any]) -> None:
        """Take the result in."""
        self._result = result

    def __enter__(self) -> Tracking:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._begun:
            self._each(lambda tracker: tracker.end(self._result))

    def _each(self, tell: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._trackers.items()):
            try:
                tell(tracker)
            except Exception as error:
                log.warning("%s is told no more of this run: %s", name, error)
                del self._trackers[name]
