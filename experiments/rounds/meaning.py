"""The check that a run means something, made once it has ended."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from frl.errors import StoppedError


class MeaninglessError(StoppedError):
    """A run ended, and its outcome says nothing: one line that says why."""


def why_meaningless(result: Mapping[str, Any]) -> str:
    """Say why a result means nothing; empty where it means something.

    Parameters
    ----------
    result : mapping
        As :func:`experiments.rounds.outcome.result_of` returns it, with ``malicious`` and
        ``attacked_rounds``.
    """
    rounds = result["rounds"]
    if not result["admitted"]:
        reasons = ", ".join(f"{count} {reason}" for reason, count in result["rejected"].items())
        return f"no reply was admitted in any of {rounds} rounds: {reasons or 'none came'}"
    if result["malicious"] and not result["attacked_rounds"]:
        return (
            f"an attack without attackers: none of the malicious clients ({result['malicious']}) "
            f"was sampled in any of {rounds} rounds"
        )
    for name in ("accuracy", "loss", "attack_success_rate"):
        value = result[name]
        if value is not None and not math.isfinite(value):
            return f"the {name} after round {rounds} is {value}"
    return ""
