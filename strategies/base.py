"""What our Flower strategies share: sampling from the seed, one message a client, the gate."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy
from numpy.typing import NDArray

from frl.errors import InputError
from frl.grids import Roster, find_roster
from frl.messages import Report, Task, arrays_record, read_arrays, train_content
from strategies.gate import Admitted, Check, Gate, Rejected, Update
from strategies.sampling import sample_clients

log = logging.getLogger(__name__)

Redraw = Callable[[NDArray[np.int64]], bool]


class RoundReport(NamedTuple):
    """What happened at the gate in one round.

    Attributes
    ----------
    round : int
    sampled : tuple[int, ...]
        Clients that were asked.
    admitted : tuple[int, ...]
        Clients whose update took part.
    rejected : tuple[Rejected, ...]
        Everything else, with its reason.
    bytes_down, bytes_up : int
        Bytes of arrays sent to all clients, and received from the admitted ones.
    loss : float
        Mean of the admitted clients' training losses.
    train_seconds : float
        Sum of the admitted clients' training times.
    kept : str
        Why the global state was kept; empty if it moved.
    """

    round: int
    sampled: tuple[int, ...]
    admitted: tuple[int, ...]
    rejected: tuple[Rejected, ...]
    bytes_down: int
    bytes_up: int
    loss: float
    train_seconds: float
    kept: str = ""

    @property
    def reasons(self) -> dict[str, int]:
        """Number of rejections by reason, sorted by reason."""
        return dict(sorted(Counter(row.reason for row in self.rejected).items()))


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

    Attributes
    ----------
    report : RoundReport or None
        Of the last round aggregated.
    """

    def __init__(
        self,
        *,
        clients: int,
        clients_per_round: int,
        seed: int = 0,
        redraw: Redraw | None = None,
        roster: Roster | None = None,
    ) -> None:
        if not 1 <= clients_per_round <= clients:
            raise InputError(
                f"clients_per_round: got {clients_per_round}; takes 1 to clients = {clients}"
            )
        self.clients = clients
        self.clients_per_round = clients_per_round
        self.seed = seed
        self.report: RoundReport | None = None
        self._redraw = redraw
        self._roster = roster
        self._asked: list[tuple[Message, int]] = []
        self._state: Update = {}
        self._state_bytes = 0
        self.round = 0

    @property
    def sampled(self) -> tuple[int, ...]:
        """Clients that were asked in the round under way, ascending."""
        return tuple(client for _, client in self._asked)

    @property
    def assumed_f(self) -> int | None:
        """Malicious clients that the rule assumed in the last round; ``None`` without ``f``."""
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
        """Ask the clients of this round, each with one message that shares the global state."""
        if self._roster is None:
            self._roster = find_roster(grid, self.clients)
        drawn = sample_clients(
            self.seed, server_round, self.clients, self.clients_per_round, redraw=self._redraw
        )
        self.round = server_round
        self._state = read_arrays(arrays)
        self._state_bytes = arrays.count_bytes()
        self._asked = [
            (
                Message(
                    train_content(arrays, Task(server_round, client, self.seed)),
                    self._roster.node_of(client),
                    MessageType.TRAIN,
                    group_id=str(server_round),
                ),
                client,
            )
            for client in drawn.tolist()
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
        gate = Gate(self._asked, self.check(self._state))
        reports: dict[int, Report] = {}
        rejected: list[Rejected] = []
        bytes_up = 0

        def admitted() -> Iterator[Admitted]:
            nonlocal bytes_up
            for reply in replies:
                verdict = gate.judge(reply)
                if isinstance(verdict, Rejected):
                    rejected.append(verdict)
                    log.debug("round %d: rejected %s", server_round, verdict)
                    continue
                reports[verdict.client] = verdict.report
                bytes_up += sum(record.count_bytes() for record in _array_records(reply))
                yield verdict

        outcome = self.combine(server_round, self._state, admitted())
        rejected += gate.silent()
        ordered = [reports[client] for client in sorted(reports)]
        self.report = RoundReport(
            round=server_round,
            sampled=self.sampled,
            admitted=tuple(sorted(reports)),
            rejected=tuple(sorted(rejected)),
            bytes_down=self._state_bytes * len(self._asked),
            bytes_up=bytes_up,
            loss=sum(report.loss for report in ordered) / max(1, len(ordered)),
            train_seconds=sum(report.seconds for report in ordered),
            kept=outcome if isinstance(outcome, str) else "",
        )
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


def _array_records(reply: Message) -> Iterable[ArrayRecord]:
    """Array records of a reply; Flower's own accessor would keep it until the next collection."""
    return [record for record in reply.content.values() if isinstance(record, ArrayRecord)]
