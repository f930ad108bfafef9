"""A trainer whose clients, where several run side by side, train as one batch."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

import torch

from frl.arrays import Arrays
from frl.cohort.barrier import current_member
from frl.cohort.fit import fit_together
from frl.cohort.sizing import DeviceMemory, cohort_size
from frl.cohort.stack import Stacked, stack_of
from frl.task import Task
from frl.training.ranks import Fit, Shard, Trainer
from frl.training.settings import TrainSettings

log = logging.getLogger(__name__)

Trained: TypeAlias = tuple[Arrays, Fit]


class Job(NamedTuple):
    """One client's training."""

    state: Arrays
    shard: Shard
    task: Task


class CohortTrainer:
    """A trainer that trains the members of a cohort together, and other clients alone.

    If a cohort does not fit into memory, it is halved from then on. If it fails otherwise, its
    members train one by one, so that only the one at fault fails. So do clients of a module that
    cannot be stacked (:func:`frl.training.stateless.stateless`).

    Parameters
    ----------
    trainer : Trainer
        For clients that are alone, and the model of those that are not.
    stacked : bool
        One launch for all members of a cohort, or one member after another, which is also how a
        trainer without a stack does it. On a CPU the second is faster, and the same to the last bit
        as without a cohort.
    memory : DeviceMemory or None
        To measure how many members fit at once; without it, all of them until they do not.

    Attributes
    ----------
    singly : int
        Members of cohorts so far that trained one by one.
    """

    def __init__(
        self,
        trainer: Trainer,
        *,
        stacked: bool,
        memory: DeviceMemory | None = None,
    ) -> None:
        self._trainer = trainer
        self._memory = memory
        self._most = 0
        self._stack = stack_of(trainer) if stacked else None
        self.singly = 0

    def train(self, state: Arrays, shard: Shard, task: Task) -> Trained:
        """Train one client, together with the cohort that the calling thread is in."""
        member = current_member()
        job = Job(state, shard, task)
        return self._alone(job) if member is None else member.submit(job, self.train_all)

    def train_all(self, jobs: Sequence[Job]) -> list[Trained | Exception]:
        """Train several clients; an exception stands where one failed."""
        if self._stack is None or self._trainer.stateless is None or len(jobs) == 1:
            return [self._attempt(job) for job in jobs]
        by_length = sorted(range(len(jobs)), key=lambda i: -len(jobs[i].shard.labels))
        results: dict[int, Trained | Exception] = {}
        most = self._fitting(jobs[by_length[0]], len(jobs))
        while by_length:
            part = by_length[:most]
            try:
                done = self._together([jobs[i] for i in part])
            except torch.OutOfMemoryError:
                if most == 1:
                    raise
                most = self._most = max(1, len(part) // 2)
                log.warning("%d clients at once do not fit; going on with %d", len(part), most)
                torch.cuda.empty_cache()
                continue
            except Exception as error:
                log.warning("a cohort of %d failed (%s); one by one", len(part), error)
                done = [self._attempt(jobs[i]) for i in part]
            results.update(zip(part, done, strict=True))
            by_length = by_length[most:]
        return [results[i] for i in range(len(jobs))]

    def _alone(self, job: Job) -> Trained:
        return self._trainer.train(*job)

    def _attempt(self, job: Job) -> Trained | Exception:
        self.singly += 1
        try:
            return self._alone(job)
        except Exception as error:
            return error

    def _fitting(self, longest: Job, asked: int) -> int:
        """Return how many members train at once; measured the first time."""
        if not self._most and self._memory is not None:
            settings = self._trainer.settings
            batch = Shard(*(part[: settings.batch_size] for part in longest.shard))
            job = longest._replace(shard=batch)
            step = settings._replace(epochs=1, steps=0)
            self._most = cohort_size(self._memory, partial(self._rehearse, job, step), asked)
            log.info("a cohort of %d clients fits on the device", self._most)
        return min(self._most or asked, asked)

    def _rehearse(self, job: Job, settings: TrainSettings, size: int) -> None:
        self._together([job] * size, settings)

    def _together(
        self, jobs: Sequence[Job], settings: TrainSettings | None = None
    ) -> list[Trained | Exception]:
        """Train several clients, longest shard first, as one batch."""
        assert self._stack is not None
        assert self._trainer.stateless is not None
        values = self._begin(jobs)
        fits = fit_together(
            self._trainer.stateless,
            self._stack,
            values,
            [job.shard for job in jobs],
            settings or self._trainer.settings,
            [job.task for job in jobs],
        )
        updates = self._stack.updates([job.state for job in jobs], values)
        return [
            update if isinstance(update, Exception) else (update, fit)
            for update, fit in zip(updates, fits, strict=True)
        ]

    def _begin(self, jobs: Sequence[Job]) -> Stacked:
        """Stack the values that each client begins with."""
        trained = self._trainer.trained
        values = {
            name: torch.empty((len(jobs), *tensor.shape), device=tensor.device)
            for name, tensor in trained.items()
        }
        for row, job in enumerate(jobs):
            self._trainer.load(job.state)
            for name, tensor in trained.items():
                values[name][row] = tensor.detach()
        return values
