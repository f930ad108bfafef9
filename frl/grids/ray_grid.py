"""The engine for cores, GPUs and clusters: Ray actors that live as long as the run."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from flwr.app import Message, RecordDict
from flwr.clientapp import ClientApp

from frl.errors import InputError, StoppedError
from frl.grids.local import FIRST_NODE, LocalGrid, RunConfig
from frl.grids.parcel import Failure, Reply, Request, join, restore, split
from frl.grids.ray_errors import first_sentence, last_line
from frl.grids.ray_jobs import Job, Worker
from frl.grids.ray_start import be_quiet, check_resources, start_ray
from frl.grids.ray_store import RoundStore, send_app
from frl.grids.side_by_side import chunks

log = logging.getLogger(__name__)

_DEPTH = 2
"""Jobs an actor may hold: the one it works on, and one more so that it never waits.

The last jobs of a round are not dispatched ahead: they go to the first actor that is free.
"""
_CLOSE_WITHIN = 10.0
_WARN_AFTER = 30.0
"""Seconds without any worker after which a warning says what is awaited."""


class RayGrid(LocalGrid):
    """Run client apps on Ray actors.

    Each actor keeps one client app, and with it one model and the mapped data, for the whole run.
    The global state goes into the object store once a round. Replies are handed on as they arrive.
    An actor that dies is replaced and its messages are done again; until the new one is up, which
    may be never when its node is gone, the others do its work.

    Parameters
    ----------
    client_app : ClientApp
        Sent to each actor once; what it refers to by name must be importable there.
    clients : int
    run_config : mapping
    workers : int
        Number of actors.
    num_gpus : float
        Share of a GPU for each actor; 0 for none.
    address : str
        Of a running Ray cluster; empty to start one on this machine for the run.
    attempts : int
        How often a message is tried when workers die on it, before it becomes an error reply; the
        last time a cohort is tried one by one.
    cohort : int
        Messages that a worker is handed at once.
    plugins : sequence of str
        Modules that every worker imports when it starts; see :mod:`frl.registry.plugins`.

    Raises
    ------
    InputError
        If Ray cannot offer what is asked for, or the client app cannot be sent; in a round, if a
        worker lacks a plugin.
    StoppedError
        In a round, if no worker can start or the object store is full.
    """

    def __init__(
        self,
        client_app: ClientApp,
        clients: int,
        run_config: RunConfig | None = None,
        *,
        workers: int = 2,
        num_gpus: float = 0.0,
        address: str = "",
        attempts: int = 3,
        cohort: int = 1,
        plugins: Sequence[str] = (),
    ) -> None:
        super().__init__(client_app, clients, run_config, cohort=cohort)
        be_quiet()
        import ray

        self._ray = ray
        self._out_of_space = (ray.exceptions.ObjectStoreFullError, ray.exceptions.OutOfDiskError)
        self._attempts = attempts
        self._num_gpus = num_gpus
        self._plugins = tuple(plugins)
        self._owns_ray = not ray.is_initialized()
        if self._owns_ray:
            start_ray(workers, address)
        try:
            check_resources(workers, num_gpus)
            self._sent_app = send_app(ray, client_app)
        except InputError:
            if self._owns_ray:
                ray.shutdown()
            raise
        self._failed_starts = 0
        self._workers = [Worker(*self._spawn()) for _ in range(workers)]

    def worker_pids(self) -> list[int]:
        """Process ids of the actors, once all of them are up."""
        return list(self._ray.get([worker.actor.ready.remote() for worker in self._workers]))

    def use(self, client_app: ClientApp) -> None:
        """Run another client app on the messages to come."""
        self._sent_app = send_app(self._ray, client_app)
        super().use(client_app)
        for worker in self._workers:
            worker.actor.use.remote(self._sent_app)

    def close(self) -> None:
        """End the actors, and Ray itself where this grid started it.

        A signal to every process of a job ends Ray's own as well; it is not waited for without end.
        """
        closing = threading.Thread(target=self._close, daemon=True)
        closing.start()
        closing.join(_CLOSE_WITHIN)
        if closing.is_alive():
            log.warning("Ray did not end within %g s", _CLOSE_WITHIN)

    def _close(self) -> None:
        if not self._ray.is_initialized():
            return
        for worker in self._workers:
            self._ray.kill(worker.actor)
        self._workers = []
        if self._owns_ray:
            self._ray.shutdown()

    def _spawn(self) -> tuple[Any, Any]:
        """Start an actor; return it and what resolves once it is up."""
        from frl.grids.ray_actor import ClientActor

        remote = self._ray.remote(num_cpus=1, num_gpus=self._num_gpus, max_restarts=0)(ClientActor)
        actor: Any = remote.remote(self._sent_app, self.clients, self.run_config, self._plugins)
        return actor, actor.ready.remote()

    def _replace(self, worker: Worker) -> None:
        self._ray.kill(worker.actor)
        worker.held, worker.lost = deque(), {}
        worker.actor, worker.starting = self._spawn()

    def _answer(self, messages: Iterable[Message], deadline: float | None) -> Iterator[Message]:
        self._replace_busy()
        waiting = deque(Job(cohort) for cohort in chunks(messages, self.cohort))
        store = RoundStore(self._ray)
        begun = time.monotonic()
        try:
            while waiting and self._no_worker_is_ready() and not _past(deadline):
                yield from self._collect(waiting, deadline)
            if deadline is not None:
                deadline += time.monotonic() - begun
            while waiting or any(worker.held for worker in self._workers):
                self._dispatch(waiting, store)
                self._reassign_queued(waiting, store, deadline)
                yield from self._collect(waiting, deadline)
                if _past(deadline):
                    break
        except GeneratorExit:
            self._replace_busy()
            raise
        self._replace_busy()

    def _dispatch(self, waiting: deque[Job], store: RoundStore) -> None:
        """Send jobs to the workers that are up, as many as each may hold."""
        up = [worker for worker in self._workers if worker.starting is None]
        while waiting and up:
            worker = min(up, key=lambda worker: worker.load)
            if worker.load and (worker.load >= _DEPTH or len(waiting) <= len(up)):
                return
            self._send_job(worker, waiting.popleft(), store)

    def _reassign_queued(
        self, waiting: deque[Job], store: RoundStore, deadline: float | None
    ) -> None:
        """Move jobs that are queued behind a slow one to free workers (work stealing)."""
        up = [worker for worker in self._workers if worker.starting is None]
        for free in [worker for worker in up if not worker.load and not waiting]:
            slow = max(up, key=lambda worker: len(worker.held))
            if len(slow.held) < _DEPTH:
                return
            job = slow.held.pop()
            self._ray.cancel(job.ref)
            slow.lost[job.ref] = deadline
            job.attempts -= 1
            self._send_job(free, job, store)

    def _no_worker_is_ready(self) -> bool:
        return all(worker.starting is not None for worker in self._workers)

    def _send_job(self, worker: Worker, job: Job, store: RoundStore) -> None:
        requests = []
        for message in job.messages:
            parcel, big = split(message)
            refs = {name: store.put(record) for name, record in big.items()}
            state = self._states.get(message.metadata.dst_node_id, RecordDict())
            requests.append(Request(parcel, refs, state))
        job.attempts += 1
        job.ref = worker.actor.answer.remote(requests)
        worker.held.append(job)

    def _collect(self, waiting: deque[Job], deadline: float | None) -> Iterator[Message]:
        """Wait until a worker replies, starts or dies, and collect every reply there is by then."""
        where = {job.ref: (worker, job) for worker in self._workers for job in worker.held}
        starting = {w.starting: w for w in self._workers if w.starting is not None}
        lost = {ref: worker for worker in self._workers for ref in worker.lost}
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not where:
            left = _WARN_AFTER if left is None else min(left, _WARN_AFTER)
        done, _ = self._ray.wait([*where, *starting, *lost], num_returns=1, timeout=left)
        if not done and self._no_worker_is_ready():
            log.warning("no worker is up; waiting for Ray to offer what one needs")
        for ref in done:
            if ref in starting:
                self._register_started(starting[ref])
                continue
            if ref in lost:
                lost[ref].lost.pop(ref, None)
                continue
            worker, job = where[ref]
            try:
                replies = self._ray.get(ref)
            except self._out_of_space:
                client = job.messages[0].metadata.dst_node_id - FIRST_NODE
                raise StoppedError(
                    f"Ray's object store is full: the reply of client {client} does not fit in"
                ) from None
            except self._ray.exceptions.RayError as error:
                yield from self._replace_dead(worker, waiting, first_sentence(error))
                return
            worker.held.remove(job)
            for message, reply in zip(job.messages, replies, strict=True):
                yield self._read_reply(message, reply)

    def _read_reply(self, message: Message, reply: Reply) -> Message:
        if reply.parcel is None or reply.failure is not None:
            return self._failure(message, *(reply.failure or Failure("no reply", "")))
        if reply.state is not None:
            self._keep_state(message.metadata.dst_node_id, reply.state)
        return join(reply.parcel, {name: restore(flat) for name, flat in reply.big.items()})

    def _register_started(self, worker: Worker) -> None:
        """Note that a worker is up, or replace it if it died while starting."""
        try:
            self._ray.get(worker.starting)
        except self._ray.exceptions.RayError as error:
            if isinstance(lack := getattr(error, "cause", None), InputError):
                raise lack from None
            self._failed_starts += 1
            if self._failed_starts >= self._attempts * len(self._workers):
                raise StoppedError(f"Ray workers do not start: {last_line(error)}") from None
            self._replace(worker)
            return
        self._failed_starts = 0
        worker.starting = None

    def _replace_dead(self, worker: Worker, waiting: deque[Job], reason: str) -> Iterator[Message]:
        """Replace a dead worker; what it held is done again, unless it keeps killing workers.

        Only the cohort being worked on can have killed it; the one queued behind it did not.
        """
        jobs = list(worker.held)
        self._replace(worker)
        for place, job in enumerate(jobs):
            if place > 0:
                job.attempts -= 1
            if job.attempts >= self._attempts:
                for message in job.messages:
                    yield self._failure(message, f"worker died: {reason}", reason)
                continue
            log.warning("a worker died; its work is done again (%s)", reason)
            last = job.attempts == self._attempts - 1
            parts = chunks(job.messages, 1 if last else len(job.messages))
            waiting.extend(Job(part, job.attempts) for part in parts)

    def _replace_busy(self) -> None:
        """Replace workers that are still busy, so that the next round begins with free ones.

        One whose jobs another took over may go on with them, up to their deadline.
        """
        for worker in self._workers:
            if worker.held or any(_past(deadline) for deadline in worker.lost.values()):
                self._replace(worker)


def _past(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() >= deadline
