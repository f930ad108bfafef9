"""How far a push may go under a bound on squared distances, from one Gram matrix."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attacks.geometry.weight_space import Vector


class Spread(NamedTuple):
    """Squared distances among updates, their mean, and along a push; float64.

    Attributes
    ----------
    between : array of shape (m, m)
        ``||x_i - x_j||^2``.
    to_mean : array of shape (m,)
        ``||mean - x_i||^2``.
    slopes : array of shape (m,)
        ``2 push . (mean - x_i)``.
    push : float
        ``||push||^2``.
    """

    between: NDArray[np.float64]
    to_mean: NDArray[np.float64]
    slopes: NDArray[np.float64]
    push: float

    def along(self, step: float) -> NDArray[np.float64]:
        """Squared distances of ``mean + step * push`` to every update; shape (m,)."""
        return self.to_mean + step * self.slopes + step * step * self.push


def spread(rows: Vector, mean: Vector, push: Vector) -> Spread:
    """Compute all products of updates and push once.

    Parameters
    ----------
    rows : float32 array of shape (m, d)
    mean, push : float32 arrays of shape (d,)
    """
    centred = np.vstack([rows - mean, push[None]])
    gram = (centred @ centred.T).astype(np.float64)
    own, norms = gram[:-1, :-1], gram.diagonal()[:-1]
    between = np.maximum(norms[:, None] + norms[None, :] - 2 * own, 0.0)
    np.fill_diagonal(between, 0.0)
    return Spread(between, norms.copy(), -2.0 * gram[-1, :-1], float(gram[-1, -1]))


def largest_step(constant: float, slope: float, square: float, budget: float) -> float:
    """Largest ``g >= 0`` with ``constant + slope g + square g^2 <= budget``; 0 if there is none.

    Parameters
    ----------
    constant, slope, square, budget : float
        ``square`` not negative; where it is 0 the step is 0, as the push is.
    """
    if square == 0:
        return 0.0
    root = slope * slope - 4 * square * (constant - budget)
    if root < 0:
        return 0.0
    return float(max(0.0, (math.sqrt(root) - slope) / (2 * square)))
