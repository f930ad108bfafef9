"""The outcome of a round and of a run: evaluation, row and result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from experiments.rounds.row import Progress, Row
from frl.arrays import Arrays
from frl.errors import InputError
from frl.exchange.messages import digest
from frl.training.evaluation import Evaluation
from strategies import SeededStrategy


class Measured(NamedTuple):
    """The evaluation of a global state; no attack success rate without a backdoor."""

    evaluation: Evaluation
    attack_success_rate: float | None


def row_of(
    strategy: SeededStrategy,
    measured: Measured | None,
    *,
    malicious: Sequence[int],
    seconds: float,
    eval_seconds: float,
) -> Row:
    """Put together what is recorded of the round that a strategy has just ended.

    Parameters
    ----------
    strategy : SeededStrategy
    measured : Measured or None
        ``None`` between evaluations.
    malicious : sequence of int
        Clients of the round.
    seconds, eval_seconds : float
        Without the evaluation, and of it.
    """
    report = strategy.report
    if report is None:
        raise InputError("the strategy aggregated nothing")
    return Row(
        round=report.round,
        accuracy=measured.evaluation.accuracy if measured else None,
        loss=measured.evaluation.loss if measured else None,
        attack_success_rate=measured.attack_success_rate if measured else None,
        train_loss=report.loss,
        sampled=list(report.sampled),
        admitted=len(report.admitted),
        rejected=report.reasons,
        rejections=[(row.client, row.reason, row.detail[:200]) for row in report.rejected],
        malicious=list(malicious),
        f=strategy.assumed_f,
        kept=report.kept,
        bytes_up=report.bytes_up,
        bytes_down=report.bytes_down,
        coded_up=report.coded.up if report.coded else None,
        coded_down=report.coded.down if report.coded else None,
        coded_layers=report.coded.layers if report.coded else None,
        seconds=round(seconds, 4),
        train_seconds=round(report.train_seconds, 4),
        eval_seconds=round(eval_seconds, 4),
        weights=[(row.client, round(row.weight, 4), row.reason) for row in report.counted] or None,
    )


def result_of(rounds: int, measured: Measured, progress: Progress, state: Arrays) -> dict[str, Any]:
    """Put together the result of a run of so many rounds, from its last state."""
    evaluation, success = measured
    return {
        "accuracy": evaluation.accuracy,
        "best_accuracy": max(progress.best_accuracy, evaluation.accuracy),
        "loss": evaluation.loss,
        "rounds": rounds,
        "seconds": round(progress.seconds, 3),
        "digest": digest(state),
        "bytes_up": round(progress.bytes_up / max(1, progress.admitted)),
        "bytes_down": round(progress.bytes_down / max(1, progress.sampled)),
        "coded_up": round(progress.coded_up / max(1, progress.measured)),
        "coded_down": round(progress.coded_down / max(1, progress.measured)),
        "admitted": progress.admitted,
        "rejected": dict(sorted(progress.rejected.items())),
        "attack_success_rate": success,
    }
