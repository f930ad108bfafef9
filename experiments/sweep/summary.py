"""What a sweep prints when it has ended: each variation over its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any, NamedTuple

from experiments.sweep.sweep import Outcome


class Summary(NamedTuple):
    """Results of one variation over its seeds; accuracies in percent."""

    name: str
    seeds: int
    accuracy: float
    spread: float | None
    best: float
    attack_success: float | None
    rejected: int


def summarise(outcomes: Sequence[Outcome]) -> list[Summary]:
    """Average over the seeds that have a result, by name."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for point, result, _ in sorted(outcomes, key=lambda outcome: outcome.point.order):
        if result is not None:
            by_name.setdefault(point.name, []).append(result)
    rows = []
    for name, found in by_name.items():
        accuracies = [100 * result["accuracy"] for result in found]
        successes = [result["attack_success_rate"] for result in found]
        known = [100 * success for success in successes if success is not None]
        rows.append(
            Summary(
                name=name,
                seeds=len(found),
                accuracy=mean(accuracies),
                spread=stdev(accuracies) if len(found) > 1 else None,
                best=mean(100 * result["best_accuracy"] for result in found),
                attack_success=mean(known) if known else None,
                rejected=sum(sum(result["rejected"].values()) for result in found),
            )
        )
    return rows


def markdown(rows: Sequence[Summary]) -> str:
    """Render summaries as a Markdown table."""
    lines = [
        "| run | seeds | accuracy % | best % | attack success % | rejected |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        spread = "" if row.spread is None else f" ± {row.spread:.2f}"
        success = "" if row.attack_success is None else f"{row.attack_success:.1f}"
        lines.append(
            f"| {row.name} | {row.seeds} | {row.accuracy:.2f}{spread} | {row.best:.2f} | "
            f"{success} | {row.rejected} |"
        )
    return "\n".join(lines) + "\n"
