"""A client: what a worker does with a train message, whatever network and data it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from flwr.app import ArrayRecord, Message, RecordDict

from frl.arrays import Arrays
from frl.exchange.channel import Channel
from frl.exchange.coded_record import is_coded
from frl.exchange.messages import Report, arrays_record, read_task
from frl.exchange.state_reader import StateReader
from frl.task import Task
from frl.training.ranks import Fit, Shard
from frl.training.weights import sparsify

Train: TypeAlias = Callable[[Arrays, Shard, Task], tuple[Arrays, Fit]]
"""Trains from a global state on one shard: ``Trainer.train``, or that of a cohort."""

_RESIDUAL = "residual"


class Client:
    """Reads the global state of a message, trains on a shard, and makes the update to send.

    One object serves every client of a process, one message after another or, with a trainer of
    cohorts, several at once.

    Parameters
    ----------
    train : callable
        See :data:`Train`.
    channel : Channel
        How states and updates travel.
    shard_of : callable
        The shard of the client of a task, as a model takes it. It passes through
        :func:`frl.shard_transform.transformed`, so that an attack on data can change it.
    upload_top : float
        Share of the largest coordinates of a difference of weights that is sent; the client
        remembers the others for its next update. 1 for all, as for rankings.

    Attributes
    ----------
    read_state : StateReader
    """

    def __init__(
        self,
        train: Train,
        channel: Channel,
        shard_of: Callable[[Task], Shard],
        *,
        upload_top: float = 1.0,
    ) -> None:
        self._train = train
        self._channel = channel
        self._shard_of = shard_of
        self._upload_top = upload_top
        self.read_state = StateReader(channel)

    def answer(self, message: Message, memory: RecordDict) -> tuple[ArrayRecord, Report]:
        """Train as a message asks, and return the update and what to say of it.

        Parameters
        ----------
        message : Message
        memory : RecordDict
            What this client remembers between rounds: what it did not upload, and the state it
            saw last.
        """
        task = read_task(message)
        shard = self._shard_of(task)
        base = self.read_state(message, memory)
        update, fit = self._train(base.state, shard, task)
        if self._upload_top < 1:
            update = self._largest(update, memory)
        update = self._channel.form.dithered(update, task)
        report = Report(len(shard.labels), fit.loss, fit.seconds, fit.steps)
        return self._channel.send_update(update, base, task, coded=is_coded(message)), report

    def _largest(self, update: Arrays, memory: RecordDict) -> Arrays:
        kept = memory.array_records.get(_RESIDUAL)
        residual = {} if kept is None else {name: kept[name].numpy() for name in update}
        sent, left = sparsify(update, residual, self._upload_top)
        memory[_RESIDUAL] = arrays_record(left)
        return sent
