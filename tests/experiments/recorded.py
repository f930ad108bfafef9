"""Rounds as they are read back, made up."""

from __future__ import annotations

from typing import Any

import pandas as pd

from experiments.config import flatten, from_flat


def recorded(run: str, accuracies: list[float | None], **keys: Any) -> pd.DataFrame:
    """Make the rounds of a run; a key is written with ``__`` for the dot.

    By the published vote, where neither a method nor a rule is named.
    """
    if "strategy__name" not in keys:
        keys = {"strategy__rule": "sum", **keys}
    given = {"rounds": len(accuracies), **{k.replace("__", "."): v for k, v in keys.items()}}
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
