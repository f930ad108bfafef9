"""Stacks of weight updates, and a base for attacks made of their mean and deviation."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from attacks.base import Crafted, CraftView, Space, Update
from attacks.geometry.informed import Informed

Vector: TypeAlias = NDArray[np.float32]
Direction: TypeAlias = Literal["std", "unit", "sign"]


def stacked(updates: Sequence[Update]) -> Vector:
    """Lay updates out as the rows of one float32 array of shape (m, d)."""
    rows = np.empty((len(updates), sum(layer.size for layer in updates[0].values())), np.float32)
    for row, update in zip(rows, updates, strict=True):
        np.concatenate([update[name].reshape(-1) for name in updates[0]], out=row)
    return rows


def unstacked(vector: Vector, like: Update) -> Update:
    """Cut a vector of shape (d,) into layers of the names and shapes of ``like``."""
    ends = np.cumsum([layer.size for layer in like.values()])
    return {
        name: piece.reshape(layer.shape)
        for (name, layer), piece in zip(like.items(), np.split(vector, ends[:-1]), strict=True)
    }


def deviation(rows: Vector, mean: Vector, direction: Direction) -> Vector:
    """Direction to push the mean in: against it, or against where the updates agree.

    Parameters
    ----------
    rows : float32 array of shape (m, d)
    mean : float32 array of shape (d,)
    direction : {"std", "unit", "sign"}
        ``-std(rows)`` per coordinate (population), ``-mean / ||mean||``, or ``-sign(mean)``.
    """
    if direction == "std":
        push: Vector = -rows.std(axis=0)
    elif direction == "sign":
        push = -np.sign(mean)
    else:
        push = -mean / max(np.linalg.norm(mean), np.finfo(np.float32).tiny)
    return push


def unit(vector: Vector) -> Vector:
    """Scale to length 1; the zero vector stays."""
    norm = np.linalg.norm(vector)
    scaled: Vector = vector / norm if norm > 0 else vector
    return scaled


def orthogonal(vector: Vector, direction: Vector) -> Vector:
    """Remove the part along a direction of length 1 or 0."""
    return vector - np.float32(vector @ direction) * direction


@dataclass(frozen=True)
class OneVectorAttack(Informed):
    """Base of attacks in which all colluders send one vector made of the known updates."""

    space: ClassVar[Space] = "weights"

    @abstractmethod
    def vector(self, rows: Vector, view: CraftView, count: int) -> Vector:
        """Return the crafted update.

        Parameters
        ----------
        rows : float32 array of shape (m, d)
            Known updates.
        view : CraftView
        count : int
            Malicious clients that reply this round.
        """

    def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
        """Send the same vector from every colluder."""
        known = self.known(view)
        vector = self.vector(stacked(known), view, count)
        return Crafted([unstacked(vector, known[0])] * count, view.state)
