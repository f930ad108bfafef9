"""Many runs at once, each in a process of its own, on the cores that there are.

What is done is not run again, what was stopped is carried on from its last checkpoint, and a run
that fails does not stop the others.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal, NamedTuple

from experiments.config import Config, Scalar, flatten
from experiments.sweep.grid import Point
from experiments.sweep.job import Job
from experiments.sweep.kept import kept
from frl.cores import usable_cores
from frl.errors import FRLError

_TICK = 0.5

State = Literal["waiting", "running", "done", "kept", "failed"]


class Progress(NamedTuple):
    """The progress of one point.

    Attributes
    ----------
    point : Point
    state : State
        ``"kept"``: done by an earlier sweep.
    round : int
        Last round recorded.
    accuracy : float or None
    seconds : float
        Since it was started, or that it took once it could begin.
    error : str
        Why it failed.
    """

    point: Point
    state: State
    round: int = 0
    accuracy: float | None = None
    seconds: float = 0.0
    error: str = ""


class Outcome(NamedTuple):
    """The outcome of one point: a result, or the reason why there is none."""

    point: Point
    result: dict[str, Any] | None
    error: str = ""


Watcher = Callable[[Progress | None], None]
"""Called with every change of a point, and with ``None`` now and then while nothing changes."""


def cores_of(config: Config) -> int:
    """Count the cores of this machine that a run keeps busy: one unless it brings Ray workers."""
    from experiments.setup.engine import workers

    return 1 if config.engine.address else workers(config)


def sweep(
    points: Sequence[Point],
    *,
    jobs: int = 0,
    watch: Watcher = lambda change: None,
    track: Sequence[str] = (),
    start: Callable[[Mapping[str, Scalar], Path, Sequence[str]], Job] = Job,
) -> Iterator[Outcome]:
    """Run what is not done; yield each point as it ends.

    At any time the runs under way need no more cores than there are, but for a single run that
    needs more by itself. Closing the generator stops the runs; they can be carried on.

    Parameters
    ----------
    points : sequence of Point
    jobs : int
        Most runs at once; 0 for as many as fit the cores.
    watch : callable
    track : sequence of str
        Trackers that each run tells of itself.
    start : callable
        Starts a run of a flat configuration in a directory.
    """
    waiting = deque[Point]()
    for point in points:
        try:
            result = kept(point)
        except FRLError as error:
            watch(Progress(point, "failed", error=str(error)))
            yield Outcome(point, None, str(error))
            continue
        if result is None:
            waiting.append(point)
            watch(Progress(point, "waiting"))
        else:
            watch(Progress(point, "kept", result["rounds"], result["accuracy"], result["seconds"]))
            yield Outcome(point, result)
    running: dict[Connection, _Running] = {}
    try:
        while waiting or running:
            while waiting and _fits(waiting[0], running.values(), jobs):
                point = waiting.popleft()
                job = start(flatten(point.config), point.directory.path, track)
                started = _Running(point, job)
                running[started.job.messages] = started
                watch(started.progress())
            for ready in wait(list(running), timeout=_TICK):
                assert isinstance(ready, Connection)
                outcome = running[ready].receive()
                watch(running[ready].progress())
                if outcome is not None:
                    running.pop(ready).job.close()
                    yield outcome
            watch(None)
    finally:
        for unfinished in running.values():
            unfinished.job.stop()
        for unfinished in running.values():
            unfinished.job.close()


def _fits(point: Point, running: Iterable[_Running], jobs: int) -> bool:
    busy = [cores_of(run.point.config) for run in running]
    if jobs and len(busy) >= jobs:
        return False
    return not busy or sum(busy) + cores_of(point.config) <= usable_cores()


class _Running:
    """A point under way."""

    def __init__(self, point: Point, job: Job) -> None:
        self.point = point
        self.job = job
        self._begun, self._took = time.perf_counter(), 0.0
        self._state: State = "running"
        self._round, self._accuracy, self._error = 0, None, ""

    def receive(self) -> Outcome | None:
        """Take one message; return how the run ended if it did."""
        message = self.job.read()
        if "round" in message:
            self._round = message["round"]
            self._accuracy = message["accuracy"] or self._accuracy
            return None
        self._took = message.get("seconds", 0.0)
        if "error" in message:
            self._state, self._error = "failed", message["error"]
            return Outcome(self.point, None, self._error)
        self._state, self._accuracy = "done", message["result"]["accuracy"]
        return Outcome(self.point, message["result"])

    def progress(self) -> Progress:
        """Say how it is getting on."""
        seconds = self._took or time.perf_counter() - self._begun
        return Progress(self.point, self._state, self._round, self._accuracy, seconds, self._error)
