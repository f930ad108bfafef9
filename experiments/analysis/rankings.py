"""Made-up rankings that move like those of real clients.

An edge's score moves by normal noise times the activity of its row and of its column; both are
log-normal, and a share of the rows does not move at all. The parameters were fitted to clients of
an MNIST LeNet between rounds 10 and 60 (1,000 clients, Dirichlet 1.0, 25 a round, two epochs):
messages are about as long as those of round 20 there, where later ones are shorter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from frl.ranking import Positions, Ranking, rank

LENET = {"conv1": (288, 32), "conv2": (18_432, 64), "fc1": (1_605_632, 128), "fc2": (1_280, 10)}
"""Edges and rows (output units) of each layer."""
CONV8 = {
    "conv1": (1_728, 64),
    "conv2": (36_864, 64),
    "conv3": (73_728, 128),
    "conv4": (147_456, 128),
    "conv5": (294_912, 256),
    "conv6": (589_824, 256),
    "conv7": (1_179_648, 512),
    "conv8": (2_359_296, 512),
    "fc1": (524_288, 256),
    "fc2": (65_536, 256),
    "fc3": (2_560, 10),
}
"""Edges and rows (output units) of each layer."""
MOVEMENT = 0.003
"""Typical movement of an edge, as a share of the range of scores."""
_SPREAD_ROWS = 1.3
_SPREAD_COLUMNS = 1.6
_QUIET = 0.35


def base_ranking(layers: dict[str, int], seed: int) -> Ranking:
    """Draw a ranking of each layer uniformly at random."""
    rng = np.random.default_rng(seed)
    return {name: rng.permutation(n).astype(np.int32) for name, n in layers.items()}


def moved_ranking(
    base: Ranking, rows: dict[str, int], seed: int, movement: float = MOVEMENT
) -> Ranking:
    """Draw what a client could make of a base ranking.

    Parameters
    ----------
    base : mapping of layer name to int32 positions
    rows : mapping of layer name to int
        Rows of each layer's weight matrix; divides its edges.
    seed : int
    movement : float
        Typical movement, as a share of the range of scores.
    """
    rng = np.random.default_rng(seed)
    return {name: _moved(base[name], rows[name], rng, movement) for name in base}


def _moved(base: Positions, rows: int, rng: np.random.Generator, movement: float) -> Positions:
    columns = base.size // rows
    by_row = np.exp(_SPREAD_ROWS * rng.standard_normal(rows)) * (rng.random(rows) >= _QUIET)
    by_column = np.exp(_SPREAD_COLUMNS * rng.standard_normal(columns))
    noise: NDArray[np.float32] = rng.standard_normal((rows, columns), dtype=np.float32)
    noise *= (by_row[:, None] * by_column).astype(np.float32)
    scores = base / np.float32(base.size) + np.float32(movement) * noise.reshape(-1)
    return rank(scores.astype(np.float32))
