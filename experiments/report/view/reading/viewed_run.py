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
    config : mapping
        Flat; empty where it is damaged.
    result : mapping or None
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = shown(name)
        self.id = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:12]
        self.version = 0
        self.config: Mapping[str, Scalar] = {}
        self.result: Mapping[str, Any] | None = None
        self._rows = GrowingFile(path / ROUNDS)
        self._states: dict[str, tuple[int, ...]] = {}
        self._wrong: dict[str, str] = {}
        self._last, self._longest = 0.0, 0.0
        self._points: list[Point] = []
        self._unread, self._news = True, False

    def refresh(self) -> bool:
        """Read what changed, and say whether anything did.

        The rows of a run with a result are read when somebody asks for them.
        """
        changed = [self._config_changed(), self._result_changed(), self._news]
        if self._unread and self.result is not None:
            changed.append(self._touched(ROUNDS))
        else:
            changed.append(self._rows_changed())
        self._news = False
        self.version += any(changed)
        return any(changed)

    @property
    def unread(self) -> bool:
        """Whether its rows were not read yet."""
        return self._unread

    @property
    def points(self) -> list[Point]:
        """Its rounds up to the first damaged row."""
        if self._unread:
            self._rows_changed()
            self._news = ROUNDS in self._wrong
        return self._points

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
    def round(self) -> int:
        """Rounds that it has."""
        told = self._told()
        return int(told["rounds"]) if told else len(self.points)

    @property
    def accuracy(self) -> float | None:
        """The last that was measured."""
        if told := self._told():
            return _share(told["accuracy"])
        return next((p.accuracy for p in reversed(self.points) if p.accuracy is not None), None)

    @property
    def best(self) -> float | None:
        """The highest accuracy so far."""
        if told := self._told():
            return _share(told["best_accuracy"])
        return max((p.accuracy for p in self.points if p.accuracy is not None), default=None)

    @property
    def success(self) -> float | None:
        """The last success of a backdoor that was measured."""
        if told := self._told():
            return _share(told["attack_success_rate"])
        return next((p.success for p in reversed(self.points) if p.success is not None), None)

    def _told(self) -> Mapping[str, Any] | None:
        """Return the result where it has to speak for rows that were not read."""
        return self.result if self._unread else None

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
        self._unread = False
        added = self._rows.added()
        if added is None:
            return False
        if added.anew:
            self._points, self._longest = [], 0.0
            self._wrong.pop(ROUNDS, None)
        for line in added.lines if ROUNDS not in self._wrong else ():
            number = len(self._points) + 1
            try:
                found = point(line)
                if found.round != number:
                    raise ValueError(f"it is of round {found.round}")
            except ValueError as error:
                self._wrong[ROUNDS] = f"{ROUNDS} is damaged: line {number}: {error}"
                break
            self._points.append(found)
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


def _share(value: Any) -> float | None:
    return None if value is None else float(value)


def _seconds(line: bytes) -> float:
    """Return how long the round of a line took; 0 where it does not say so."""
    try:
        row = parsed(line)
        return float(row["seconds"]) + float(row["eval_seconds"])
    except (ValueError, TypeError, KeyError):
        return 0.0
