"""What a search found, as a table and as JSON, with the command of each attack."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from experiments.config import Scalar
from experiments.redteam.candidates import Candidate
from experiments.redteam.search import Attempt, Search


def command(base: Sequence[str], candidate: Candidate | None) -> str:
    """Return the command that runs a defence under an attack.

    Parameters
    ----------
    base : sequence of str
        The command without an attack, word by word.
    candidate : Candidate or None
    """
    keys: dict[str, Scalar] = {"attack.name": "none", "attack.fraction": 0.0}
    if candidate:
        keys = candidate.keys()
    words = [word for key, value in keys.items() for word in ("-o", f"{key}={_text(value)}")]
    return shlex.join([*base, *words])


def as_json(found: Search, base: Sequence[str], configuration: dict[str, Scalar]) -> dict[str, Any]:
    """Return all of a search; accuracies as shares."""
    return {
        "configuration": configuration,
        "budget": found.budget._asdict() | {"runs": found.budget.runs},
        "runs": found.runs,
        "clean": _row(found.clean, base),
        "worst": _row(found.worst, base),
        "last": [_row(attempt, base) for attempt in found.last],
        "long": [_row(attempt, base) for attempt in found.long],
        "short": [_row(attempt, base) for attempt in found.short],
    }


def markdown(found: Search, base: Sequence[str]) -> str:
    """Render the last stage, the worst first, with what was spent and the worst one's command."""
    budget, worst = found.budget, found.worst
    failed = sum(bool(a.errors) for a in (*found.short, *found.long, *found.last))
    lines = [
        f"{found.runs} runs under attack of a budget of {budget.runs}: {len(found.short)} short "
        f"({found.short[0].rounds} rounds), {len(found.long)} of {found.clean.rounds} rounds, "
        f"{len(found.last)} with {budget.seeds} seeds; {failed} attacks could not be run.",
        "",
        "| attack | seeds | accuracy % | lost |",
        "|---|---|---|---|",
        f"| none | {len(found.clean.accuracies)} | {_accuracy(found.clean)} | |",
    ]
    lines += [
        f"| {attempt.candidate} | {len(attempt.accuracies)} | {_accuracy(attempt)} | "
        f"{100 * (found.clean.mean - attempt.mean):.2f} |"
        for attempt in found.last
    ]
    return "\n".join([*lines, "", f"The worst: {command(base, worst.candidate)}"])


def _accuracy(attempt: Attempt) -> str:
    spread = "" if attempt.spread is None else f" ± {100 * attempt.spread:.2f}"
    return f"{100 * attempt.mean:.2f}{spread}"


def _row(attempt: Attempt, base: Sequence[str]) -> dict[str, Any]:
    candidate = attempt.candidate
    return {
        "attack": candidate.attack if candidate else "none",
        "parameters": dict(candidate.parameters) if candidate else {},
        "rounds": attempt.rounds,
        "accuracies": {str(seed): value for seed, value in attempt.accuracies.items()},
        "mean": attempt.mean if attempt.accuracies else None,
        "errors": {str(seed): reason for seed, reason in attempt.errors.items()},
        "command": command([*base, "-o", f"rounds={attempt.rounds}"], candidate),
    }


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
