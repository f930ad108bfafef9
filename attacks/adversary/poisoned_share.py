"""Which samples of a shard are poisoned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def chosen_samples(
    candidates: NDArray[np.int64], number: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw ``number`` of the candidate samples, or all where there are fewer; ascending ids."""
    drawn = rng.permutation(candidates)[:number]
    return np.sort(drawn)
