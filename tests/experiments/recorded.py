"""Rounds as they are read back, made up."""

from __future__ import annotations

from typing import Any

import pandas as pd

from experiments.config import flatten, from_flat


def dotted(**keys: Any) -> dict[str, Any]:
    """Write keys with a dot for each ``__``; of neither a method nor a rule: the published vote."""
    if "strategy__name" not in keys:
        keys = {"strategy__rule": "sum", **keys}
    return {key.replace("__", "."): value for key, value in keys.items()}


def recorded(run: str, accuracies: list[float | None], **keys: Any) -> pd.DataFrame:
    """Make the rounds of a run; keys as :func:`dotted` takes them."""
    given = {"rounds": len(accuracies), **dotted(**keys)}
    rounds = pd.DataFrame(
        {
            "run": run,
            "round": range(1, len(accuracies) + 1),
            "accuracy": accuracies,
            "attack_success_rate": None,
            "sampled": [[0, 1]] * len(accuracies),
            "admitted": 2,
            "bytes_up": 1_000_000,
            "bytes_down": 2_000_000,
        }
    )
    return rounds.assign(**flatten(from_flat(given)))


def together(*runs: pd.DataFrame) -> pd.DataFrame:
    """Put runs into one table."""
    return pd.concat(runs, ignore_index=True)
