"""The base of our Flower strategies: sampling from the seed, one message a client, the gate."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord
from flwr.serverapp import Grid
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.errors import InputError
from frl.exchange.channel import Channel
from frl.exchange.forms import Form
from frl.exchange.messages import (
    Report,
    arrays_record,
    read_arrays,
    train_content,
)
from frl.exchange.received import Received
from frl.exchange.unmoved import Unmoved
from frl.grids import Roster, find_roster
from frl.task import Task
from frl.wire import Base
from strategies.asked import Rejected
from strategies.byte_counter import ByteCounter
from strategies.carry import Carry
from strategies.client_states import ClientStates
from strategies.gate import Admitted, Check, Gate
from strategies.round_report import Counted, RoundReport
from strategies.sampling import sample_clients
from strategies.start import StartableStrategy
from strategies.vote import Vote

log = logging.getLogger(__name__)

Redraw = Callable[[NDArray[np.int64]], bool]
Measured = Callable[[int], bool]
"""Whether a round is one whose plain messages are encoded for their size."""


class SeededStrategy(StartableStrategy):
    """A strategy whose every choice follows from the run's seed.

    Parameters
    ----------
    clients : int
        Population.
    clients_per_round : int
    seed : int
    redraw : callable, optional
        See :func:`strategies.sampling.sample_clients`.
    members : int64 array, optional
        Clients that are ever sampled; by default all.
    roster : Roster, optional
        Which node is which client; by default the grid is asked in the first round.
    channel : Channel, optional
        How states and updates travel; by default as plain arrays, rankings whole.
    data_spec : ConfigRecord, optional
        Shape and classes of the run's data, sent to clients; see :mod:`frl.data.data_spec`.
    measured : callable, optional
        Rounds in which one plain message is encoded for its size; by default none.

    Attributes
    ----------
    client_states : ClientStates
        Which global state each client holds, where the channel keeps a history.
    carry : Carry
        The server's own ranking, where clients are sent a coarse copy that follows it.
    report : RoundReport or None
        Of the last round aggregated.
    vote : Vote or None
        The sums of the last round until the next one begins, where rankings are added up.
    counted : tuple of Counted
        What each client counted in the last round, where the rule weighs or drops them.
    """

    def __init__(
        self,
        *,
        clients: int,
        clients_per_round: int,
        seed: int = 0,
        redraw: Redraw | None = None,
        members: NDArray[np.int64] | None = None,
        roster: Roster | None = None,
        channel: Channel | None = None,
        data_spec: ConfigRecord | None = None,
        measured: Measured | None = None,
    ) -> None:
        if not 1 <= clients_per_round <= clients:
            raise InputError(
                f"clients_per_round: got {clients_per_round}; takes 1 to clients = {clients}"
            )
        self.clients, self.clients_per_round, self.seed = clients, clients_per_round, seed
        self.report: RoundReport | None = None
        self.vote: Vote | None = None
        self.counted: tuple[Counted, ...] = ()
        self._redraw, self._members = redraw, clients if members is None else members
        self._roster, self._data_spec = roster, data_spec
        self._asked: list[tuple[Message, int]] = []
        self._absent: list[int] = []
        self._channel = channel or Channel()
        self._base = Base(0, {})
        self._sent: list[ArrayRecord] = []
        self._heard: Unmoved | None = None
        self.client_states = ClientStates(self._channel)
        self.carry = Carry(self._channel)
        self._measured = measured or (lambda round: False)
        self.round = 0

    @property
    def sampled(self) -> tuple[int, ...]:
        """Clients that were asked in the round under way, ascending."""
        return tuple(client for _, client in self._asked)

    @property
    def assumed_f(self) -> int | None:
        """Malicious clients that the rule assumed last; ``None`` for a rule that assumes none."""
        return None

    @property
    def memory(self) -> dict[str, NDArray[Any]]:
        """State of the strategy between rounds, besides the global state."""
        return {}

    @memory.setter
    def memory(self, memory: Mapping[str, NDArray[Any]]) -> None:
        if memory:
            raise InputError(f"{type(self).__name__} remembers nothing, got {sorted(memory)}")

    @abstractmethod
    def check(self, state: Arrays) -> Check:
        """Return what an update must be, given the global state."""

    @abstractmethod
    def combine(
        self, server_round: int, state: Arrays, admitted: Iterator[Admitted]
    ) -> Arrays | str:
        """Turn admitted updates into the next global state, or say why the state is kept.

        ``admitted`` yields them as they arrive, so what is not exact must put them into client
        order first. It must be read to its end.
        """

    @abstractmethod
    def preview(self, updates: Sequence[Arrays]) -> Arrays:
        """Return what these updates would lead to in the round under way, changing nothing."""

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> list[Message]:
        """Ask the clients of this round that are there, each with one message.

        The messages share the global state.
        """
        if self._roster is None:
            self._roster = find_roster(grid, self.clients)
        drawn = sample_clients(
            self.seed, server_round, self._members, self.clients_per_round, redraw=self._redraw
        )
        self.round, self.vote = server_round, None
        self._base = Base(server_round, read_arrays(arrays))
        nodes = self._roster.nodes_of(drawn.tolist())
        self._absent = [client for client in drawn.tolist() if client not in nodes]
        asked = [client for client in drawn.tolist() if client in nodes]
        self.client_states.locate(drawn.tolist(), nodes)
        coded = self._channel.coded
        self._sent = (
            self.client_states.records(self._base, asked) if coded else [arrays] * len(asked)
        )
        self._asked = [
            (
                Message(
                    train_content(
                        state,
                        Task(server_round, client, self.seed),
                        self._data_spec,
                        remember=coded and self._channel.history > 0,
                    ),
                    nodes[client],
                    MessageType.TRAIN,
                    group_id=str(server_round),
                ),
                client,
            )
            for client, state in zip(asked, self._sent, strict=True)
        ]
        return [message for message, _ in self._asked]

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Judge each reply and combine the admitted ones.

        Returns
        -------
        (ArrayRecord or None, MetricRecord)
            The next global state, ``None`` where it is kept, and the counts of the round.
        """
        state = self._base.state
        gate = Gate(self._asked, self.check(state), self.read)
        counter = ByteCounter(
            self._channel,
            self._base,
            self._sent,
            self.client_states,
            seed=self.seed,
            sample=self._measured(server_round),
        )
        reports: dict[int, Report] = {}
        rejected: list[Rejected] = []

        def admitted() -> Iterator[Admitted]:
            for reply in replies:
                verdict = gate.judge(reply)
                if isinstance(verdict, Rejected):
                    rejected.append(verdict)
                    log.debug("round %d: rejected %s", server_round, verdict)
                    continue
                reports[verdict.client] = verdict.report
                counter.add(verdict)
                yield verdict

        outcome = self.combine(server_round, state, admitted())
        sums = None if self.vote is None else self.vote.sums
        if not isinstance(outcome, str):
            outcome = self.carry.lowered(
                outcome, self._base, sums, sorted(reports), seed=self.seed, heard=self._heard
            )
        rejected += gate.silent()
        rejected += [Rejected(c, "offline", "no node is this client") for c in self._absent]
        ordered = [reports[client] for client in sorted(reports)]
        self.report = RoundReport(
            round=server_round,
            sampled=tuple(sorted((*self.sampled, *self._absent))),
            admitted=tuple(sorted(reports)),
            rejected=tuple(sorted(rejected)),
            bytes_down=sum(state.count_bytes() for state in self._sent),
            bytes_up=counter.bytes_up,
            loss=sum(report.loss for report in ordered) / max(1, len(ordered)),
            train_seconds=sum(report.seconds for report in ordered),
            kept=outcome if isinstance(outcome, str) else "",
            coded=counter.coded(),
            counted=self.counted,
        )
        self.client_states.record_round(
            self._base, self.sampled, reports, sums, seed=self.seed, heard=self._heard
        )
        self._asked, self._heard = [], None
        metrics = MetricRecord(
            {
                "admitted": len(reports),
                "rejected": len(rejected),
                "train-loss": self.report.loss,
                "rejected-clients": [row.client for row in self.report.rejected],
            }
        )
        if isinstance(outcome, str):
            log.warning("round %d: the global state is kept: %s", server_round, outcome)
            return None, metrics
        return arrays_record(outcome), metrics

    @property
    def form(self) -> Form:
        """The form in which clients send their updates."""
        return self._channel.form

    def read(self, record: ArrayRecord, client: int) -> Received:
        """Return what a client of the round under way sent."""
        task = Task(self.round, client, self.seed)
        coded = self._channel.coded
        return self._channel.receive(record, self._base, task, coded=coded, heard=self._heard)

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> list[Message]:
        """Ask nobody: the server evaluates."""
        return []

    def aggregate_evaluate(
        self, server_round: int, replies: Iterable[Message]
    ) -> MetricRecord | None:
        """Nothing to aggregate."""
        return None

    def summary(self) -> None:
        """Log the configuration."""
        log.info(
            "%s: %d of %d clients a round, seed %d",
            type(self).__name__,
            self.clients_per_round,
            self.clients,
            self.seed,
        )
