"""What our Flower strategies share: sampling from the seed, one message a client, the gate."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy
from numpy.typing import NDArray

from frl.channel import Channel
from frl.errors import InputError
from frl.forms import Form, Whole
from frl.grids import Roster, find_roster
from frl.messages import (
    Report,
    Task,
    arrays_record,
    read_arrays,
    read_update,
    train_content,
    update_record,
)
from frl.wire import Base
from frl.wire.downlink import coarsen
from strategies.gate import Admitted, Check, Gate, Rejected, Update
from strategies.ledger import Ledger
from strategies.round_report import Counted, RoundReport
from strategies.sampling import sample_clients
from strategies.seen import Seen
from strategies.vote import Vote

log = logging.getLogger(__name__)

Redraw = Callable[[NDArray[np.int64]], bool]


class SeededStrategy(Strategy):
    """A strategy whose every choice follows from the run's seed.

    Parameters
    ----------
    clients : int
        Population.
    clients_per_round : int
    seed : int
    redraw : callable, optional
        See :func:`strategies.sampling.sample_clients`.
    roster : Roster, optional
        Which node is which client; by default the grid is asked in the first round.
    channel : Channel, optional
        How states and updates travel; by default as plain arrays, rankings whole.
    terms : ConfigRecord, optional
        What clients are told of the data of the run; see :mod:`frl.data.terms`.

    Attributes
    ----------
    seen : Seen
        Which global state each client holds, where the channel keeps a history.
    measure : bool
        Whether to encode a sample of plain messages for its size.
    report : RoundReport or None
        Of the last round aggregated.
    vote : Vote or None
        The sums of the last round, where rankings are added up.
    counted : tuple of Counted
        What each client counted in the last round, where the rule weighs them.
    """

    def __init__(
        self,
        *,
        clients: int,
        clients_per_round: int,
        seed: int = 0,
        redraw: Redraw | None = None,
        roster: Roster | None = None,
        channel: Channel | None = None,
        terms: ConfigRecord | None = None,
    ) -> None:
        if not 1 <= clients_per_round <= clients:
            raise InputError(
                f"clients_per_round: got {clients_per_round}; takes 1 to clients = {clients}"
            )
        self.clients = clients
        self.clients_per_round = clients_per_round
        self.seed = seed
        self.report: RoundReport | None = None
        self.vote: Vote | None = None
        self.counted: tuple[Counted, ...] = ()
        self._redraw = redraw
        self._roster = roster
        self._asked: list[tuple[Message, int]] = []
        self._absent: list[int] = []
        self._terms = terms
        self._channel = channel
        self._base = Base(0, {})
        self._sent: list[ArrayRecord] = []
        self.seen = Seen(channel.history if channel else 0)
        self.measure = False
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
        """What the strategy remembers between rounds besides the global state."""
        return {}

    @memory.setter
    def memory(self, memory: Mapping[str, NDArray[Any]]) -> None:
        if memory:
            raise InputError(f"{type(self).__name__} remembers nothing, got {sorted(memory)}")

    @abstractmethod
    def check(self, state: Update) -> Check:
        """Return what an update must be, given the global state."""

    @abstractmethod
    def combine(
        self, server_round: int, state: Update, admitted: Iterator[Admitted]
    ) -> Update | str:
        """Turn admitted updates into the next global state, or say why the state is kept.

        ``admitted`` yields them as they arrive, so what is not exact must put them into client
        order first. It must be read to its end.
        """

    @abstractmethod
    def preview(self, updates: Sequence[Update]) -> Update:
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
            self.seed, server_round, self.clients, self.clients_per_round, redraw=self._redraw
        )
        self.round = server_round
        self._base = Base(server_round, read_arrays(arrays))
        nodes = self._roster.nodes_of(drawn.tolist())
        self._absent = [client for client in drawn.tolist() if client not in nodes]
        asked = [client for client in drawn.tolist() if client in nodes]
        self.seen.locate(drawn.tolist(), nodes)
        self._sent = self._states(arrays, asked)
        remember = self._channel is not None and self._channel.coded and self._channel.history > 0
        self._asked = [
            (
                Message(
                    train_content(
                        state,
                        Task(server_round, client, self.seed),
                        self._terms,
                        remember=remember,
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
        gate = Gate(self._asked, self.check(self._state), self.read)
        ledger = Ledger(
            self._channel,
            self._base,
            self._sent,
            self.seen,
            seed=self.seed,
            sample=self.measure,
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
                ledger.add(verdict.client, reply, verdict.update)
                yield verdict

        outcome = self._settled(self.combine(server_round, self._state, admitted()))
        rejected += gate.silent()
        rejected += [Rejected(c, "offline", "no connected node is it") for c in self._absent]
        ordered = [reports[client] for client in sorted(reports)]
        self.report = RoundReport(
            round=server_round,
            sampled=tuple(sorted((*self.sampled, *self._absent))),
            admitted=tuple(sorted(reports)),
            rejected=tuple(sorted(rejected)),
            bytes_down=sum(state.count_bytes() for state in self._sent),
            bytes_up=ledger.bytes_up,
            loss=sum(report.loss for report in ordered) / max(1, len(ordered)),
            train_seconds=sum(report.seconds for report in ordered),
            kept=outcome if isinstance(outcome, str) else "",
            coded=ledger.coded(),
            counted=self.counted,
        )
        self.seen.settle(self._base, self.sampled, reports, self._step(sorted(reports)))
        self._asked = []
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
        """What clients send of their rankings."""
        return (self._channel.form if self._channel else None) or Whole()

    @property
    def _state(self) -> Update:
        return self._base.ranking

    def _states(self, arrays: ArrayRecord, clients: list[int]) -> list[ArrayRecord]:
        """Return what each client is sent; those that hold the same share one record."""
        channel = self._channel
        if channel is None or not channel.coded:
            return [arrays] * len(clients)
        bases = [self.seen.base_of(client) for client in clients]
        rounds = [base.round if base else 0 for base in bases]
        records = {
            round: channel.send_state(
                self._base, base, self.seen.steps_from(base, self._base.round)
            )
            for round, base in dict(zip(rounds, bases, strict=True)).items()
        }
        return [records[round] for round in rounds]

    def read(self, reply: Message, client: int) -> Update:
        """Return what a client of the round under way sent."""
        channel = self._channel
        if channel is None:
            return read_update(reply)
        task = Task(self.round, client, self.seed)
        return channel.read_update(update_record(reply), self._base, task, coded=channel.coded)

    def _step(self, voters: list[int]) -> bytes | None:
        """Encode what led to the next ranking, where ballots were added up and nothing else."""
        if self._channel is None or self.vote is None or not voters:
            return None
        return self._channel.encode_step(self._base, voters, self.vote.sums, seed=self.seed)

    def _settled(self, outcome: Update | str) -> Update | str:
        """Keep of a new ranking what clients can rebuild of the ballots they get."""
        channel = self._channel
        if isinstance(outcome, str) or channel is None or not channel.down_bits:
            return outcome
        return coarsen(outcome, channel.first, channel.down_bits)

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
