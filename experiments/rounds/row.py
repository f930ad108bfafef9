"""The row of a round in the record, and the totals of all rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple


class Row(NamedTuple):
    """The record of a round; ``accuracy`` and ``loss`` are ``None`` between evaluations.

    ``churn``, ``agreement`` and ``margins`` are those of
    :class:`experiments.rounds.vote_record.VoteRecord`; ``margins`` are counted in the last round
    only.
    ``weights`` holds client, weight and reason where the rule weighs clients.
    """

    round: int
    accuracy: float | None
    loss: float | None
    attack_success_rate: float | None
    train_loss: float
    sampled: list[int]
    admitted: int
    rejected: dict[str, int]
    rejections: list[tuple[int, str, str]]
    malicious: list[int]
    f: int | None
    kept: str
    bytes_up: int
    bytes_down: int
    coded_up: float | None
    coded_down: float | None
    coded_layers: dict[str, int] | None
    seconds: float
    train_seconds: float
    eval_seconds: float
    churn: dict[str, float] | None = None
    agreement: dict[str, float] | None = None
    margins: dict[str, list[int]] | None = None
    weights: list[tuple[int, float, str]] | None = None


Watcher = Callable[[Row], None]
"""Called with every round once it is recorded."""


@dataclass
class Progress:
    """Totals of the rounds so far, for the result of the run."""

    best_accuracy: float = 0.0
    seconds: float = 0.0
    bytes_up: int = 0
    bytes_down: int = 0
    sampled: int = 0
    admitted: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    measured: int = 0
    coded_up: float = 0.0
    coded_down: float = 0.0
    attacked: int = 0

    def add(self, row: Row) -> None:
        """Count one more round."""
        self.best_accuracy = max(self.best_accuracy, row.accuracy or 0.0)
        self.seconds += row.seconds
        self.bytes_up += row.bytes_up
        self.bytes_down += row.bytes_down
        self.sampled += len(row.sampled) - row.rejected.get("offline", 0)
        self.admitted += row.admitted
        self.attacked += bool(row.malicious)
        if row.coded_up is not None and row.coded_down is not None:
            self.measured += 1
            self.coded_up += row.coded_up
            self.coded_down += row.coded_down
        for reason, number in row.rejected.items():
            self.rejected[reason] = self.rejected.get(reason, 0) + number
