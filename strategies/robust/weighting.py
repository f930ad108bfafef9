"""How much each client counts in a mean, before a rule has seen what it sent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from frl.errors import InputError
from strategies.robust.reply_gate import Admitted
from strategies.settings import Weighting


def require_weighting(weighting: str) -> None:
    """Raise ``InputError`` unless it is one."""
    if weighting not in ("uniform", "examples"):
        raise InputError(f"weighting: got {weighting!r}; takes 'uniform' or 'examples'")


def shares(replies: Sequence[Admitted], weighting: Weighting) -> NDArray[np.float64] | None:
    """Return weights of sum 1, or ``None`` where nobody declares an example."""
    examples = np.array([reply.examples for reply in replies], dtype=np.float64)
    if not examples.sum() > 0:
        return None
    if weighting == "examples":
        return np.asarray(examples / examples.sum())
    return np.full(len(replies), 1 / len(replies))
