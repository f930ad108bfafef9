"""The report of one round."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from strategies.asked import Rejected
from strategies.byte_counter import Coded


class Counted(NamedTuple):
    """The weight of a client in a round, by a rule that weighs them.

    Attributes
    ----------
    client : int
    weight : float
        0 to 1.
    reason : str
        What took most of the rest, in a word of the rule's; empty where little was taken.
    """

    client: int
    weight: float
    reason: str


class RoundReport(NamedTuple):
    """The outcome of the gate in one round, and the weights of the admitted clients.

    Attributes
    ----------
    round : int
    sampled : tuple[int, ...]
        Clients that were drawn, connected or not.
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
    coded : Coded or None
        Sizes of coded messages, where they were measured.
    counted : tuple[Counted, ...]
        By a rule that weighs or drops clients, otherwise empty; also where rows are averages of
        several (bucketing).
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
    coded: Coded | None = None
    counted: tuple[Counted, ...] = ()

    @property
    def reasons(self) -> dict[str, int]:
        """Number of rejections by reason, sorted by reason."""
        return dict(sorted(Counter(row.reason for row in self.rejected).items()))
