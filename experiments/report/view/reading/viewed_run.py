"""A run as the view knows it: its configuration, its rounds in few numbers, and its state."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.config.configuration import Scalar
from experiments.records import CONFIG, RESULT, ROUNDS
from experiments.records.fields import RESULT as RESULT_FIELDS
from experiments.records.fields import what_is_wrong
from experiments.records.json_text import parsed
from experiments.records.result_file import ERROR
from experiments.report.view.reading.growing_file import GrowingFile, file_state, read_regular
from experiments.report.view.reading.points import Point, point
from experiments.report.view.reading.recorded_config import recorded_config
from experiments.report.view.shown import shown
from frl.errors import InputError

RUNNING, FINISHED, STOPPED, NO_MEANING, DAMAGED = STATES = (
    "running",
    "finished",
    "stopped",
    "means nothing",
    "damaged",
)
_SILENT = 120.0
"""Seconds without a row after which a run counts as stopped, or three of its rounds if longer."""


class ViewedRun:
    """A run directory, kept up to date by reading what was added.

    Parameters
    ----------
    path : Path
    name : str
        For people.

    Attributes
    ----------
    id : str
        By which an address names it.
    version : int
        Grows whenever something was read.
    points : list of Point
    config : mapping
        Flat; empty where it is damaged.
    result : mapping or None
    why : str
        Why it means nothing, or is damaged.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = shown(name)
        self.id = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:12]
        self.version = 0
        self.points: list[Point] = []
        self.config: Mapping[str, Scalar] = {}
        self.result: Mapping[str, Any] | None = None
        self._rows = GrowingFile(path / ROUNDS)
        self._states: dict[str, tuple[int, ...]] = {}
        self._wrong: dict[str, str] = {}
        self._last, self._longest = 0.0, 0.0

    def refresh(self) -> bool:
        """Read what changed, and say whether anything did."""
        changed = [self._config_changed(), self._rows_changed(), self._result_changed()]
        self.version += any(changed)
        return any(changed)

    @property
    def state(self) -> str:
        """One of ``STATES``."""
        if self._wrong:
            return DAMAGED
        if self.result is not None:
            return NO_MEANING if self.result.get(ERROR) else FINISHED
        silent = time.time() - self._last
        return RUNNING if silent < max(_SILENT, 3 * self._longest) else STOPPED

    @property
    def why(self) -> str:
        """Why it is damaged, or means nothing."""
        own = "; ".join(self._wrong.values())
        return shown(own or str((self.result or {}).get(ERROR) or ""))

    @property
    def rounds(self) -> int:
        """Rounds that it is to have; 0 where that is not known."""
        rounds = self.config.get("rounds", 0)
        return rounds if type(rounds) is int else 0

    @property
    def accuracy(self) -> float | None:
        """The last that was measured."""
        return next((p.accuracy for p in reversed(self.points) if p.accuracy is not None), None)

    @property
    def best(self) -> float | None:
        """The highest accuracy so far."""
        return max((p.accuracy for p in self.points if p.accuracy is not None), default=None)

    def _config_changed(self) -> bool:
        if not self._touched(CONFIG):
            return False
        try:
            self.config = recorded_config(self.path / CONFIG)
            self._wrong.pop(CONFIG, None)
        except InputError as error:
            self.config, self._wrong[CONFIG] = {}, str(error)
        self._last = max(self._last, self._states[CONFIG][2] / 1e9 if self._states[CONFIG] else 0)
        return True

    def _rows_changed(self) -> bool:
        added = self._rows.added()
        if added is None:
            return False
        if added.anew:
            self.points, self._longest = [], 0.0
            self._wrong.pop(ROUNDS, None)
        for line in added.lines if ROUNDS not in self._wrong else ():
            number = len(self.points) + 1
            try:
                found = point(line)
                if found.round != number:
                    raise ValueError(f"it is of round {found.round}")
            except ValueError as error:
                self._wrong[ROUNDS] = f"{ROUNDS} is damaged: line {number}: {error}"
                break
            self.points.append(found)
        state = file_state(self.path / ROUNDS)
        self._last = max(self._last, state[2] / 1e9 if state else 0.0)
        self._longest = max(self._longest, _seconds(added.lines[-1]) if added.lines else 0.0)
        return True

    def _result_changed(self) -> bool:
        if not self._touched(RESULT):
            return False
        self._wrong.pop(RESULT, None)
        self.result = None
        if not self._states[RESULT]:
            return True
        try:
            found = parsed(read_regular(self.path / RESULT))
            wrong = what_is_wrong(found, RESULT_FIELDS) if isinstance(found, dict) else "no table"
        except ValueError as error:
            wrong = str(error)
        if wrong:
            self._wrong[RESULT] = f"{RESULT} is damaged: {wrong}"
        else:
            self.result = found
        return True

    def _touched(self, name: str) -> bool:
        state = file_state(self.path / name)
        if self._states.get(name) == state or (not state and name not in self._states):
            self._states.setdefault(name, state)
            return False
        self._states[name] = state
        return True


def _seconds(line: bytes) -> float:
    """Return how long the round of a line took; 0 where it does not say so."""
    try:
        row = parsed(line)
        return float(row["seconds"]) + float(row["eval_seconds"])
    except (ValueError, TypeError, KeyError):
        return 0.0
