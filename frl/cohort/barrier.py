"""A barrier at which the client apps of a cohort wait, so that their training runs as one batch.

Each app of a cohort runs in a thread of its own, as if it were alone, until it trains. There it
waits; once every app still running has come, one thread trains for all of them, and each goes on
with its own result. An app needs to know nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Condition
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar, cast

Job = TypeVar("Job")
Result = TypeVar("Result")
Work: TypeAlias = Callable[[Sequence[Job]], Sequence[Result | Exception]]


class _Outcome(NamedTuple):
    value: Any
    error: Exception | None


class Barrier(Generic[Job, Result]):
    """A barrier for the members of a cohort, which does their work together.

    Parameters
    ----------
    members : int
        Threads that take part; each must call :meth:`leave` when it is done, however it ends.
    """

    def __init__(self, members: int) -> None:
        self._members = members
        self._changed = Condition()
        self._waiting: dict[int, Job] = {}
        self._outcomes: dict[int, _Outcome] = {}

    def submit(self, number: int, job: Job, work: Work[Job, Result]) -> Result:
        """Wait for the other members, and return this job's result.

        Parameters
        ----------
        number : int
            Of the member; ``work`` is given the jobs in this order.
        job : Job
        work : callable
            Does all jobs at once; a result that is an exception is raised in the member it is for.
        """
        with self._changed:
            self._waiting[number] = job
            self._changed.notify_all()
            while number not in self._outcomes:
                if self._waiting and len(self._waiting) == self._members:
                    self._finish(work)
                else:
                    self._changed.wait()
            outcome = self._outcomes.pop(number)
        if outcome.error is not None:
            raise outcome.error
        return cast(Result, outcome.value)

    def leave(self) -> None:
        """Wait for this member no longer."""
        with self._changed:
            self._members -= 1
            self._changed.notify_all()

    def _finish(self, work: Work[Job, Result]) -> None:
        numbers = sorted(self._waiting)
        jobs = [self._waiting.pop(number) for number in numbers]
        try:
            results = work(jobs)
        except Exception as error:
            results = [error] * len(numbers)
        for number, result in zip(numbers, results, strict=True):
            fault = result if isinstance(result, Exception) else None
            self._outcomes[number] = _Outcome(result, fault)
        self._changed.notify_all()


class Member(NamedTuple):
    """One thread of a cohort: its barrier and its number there."""

    barrier: Barrier[Any, Any]
    number: int

    def submit(self, job: Job, work: Work[Job, Result]) -> Result:
        """See :meth:`Barrier.submit`."""
        return cast(Result, self.barrier.submit(self.number, job, work))


_member: ContextVar[Member | None] = ContextVar("member", default=None)


def current_member() -> Member | None:
    """Return the calling thread's membership of a cohort; ``None`` where it runs alone."""
    return _member.get()


@contextmanager
def membership(barrier: Barrier[Any, Any], number: int) -> Iterator[None]:
    """Make the calling thread a member, and let it leave at the end."""
    token = _member.set(Member(barrier, number))
    try:
        yield
    finally:
        _member.reset(token)
        barrier.leave()
