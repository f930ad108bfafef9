"""What rankings agree on: their sum, the order it gives, and a base for attacks made of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks.base import Attack, Crafted, CraftView, Knowledge, Space
from frl.ranking import Positions, invert, packed_order


def summed(votes: Sequence[Positions]) -> NDArray[np.int64]:
    """Add up the positions of one layer; int64 of shape (n,)."""
    total = np.zeros(votes[0].shape, np.int64)
    for vote in votes:
        total += vote
    return total


def ascending(total: NDArray[np.int64], previous: Positions) -> NDArray[np.int32]:
    """Edges of one layer by their sum of positions, ties by the previous global ranking.

    Parameters
    ----------
    total : int64 array of shape (n,)
    previous : int32 positions of shape (n,)

    Returns
    -------
    int32 array of shape (n,)
        Edge ids, the least important first.
    """
    if total.size and total.max() >= 2**31:
        return np.lexsort((previous, total)).astype(np.int32)
    return invert(previous)[packed_order(total, previous)]


@dataclass(frozen=True)
class Layer:
    """One layer as colluders see it.

    Attributes
    ----------
    name : str
    index : int
        Place of the layer in the ranking.
    votes : sequence of int32 positions of shape (n,)
        Of the colluders' honest rankings.
    previous : int32 positions of shape (n,)
        Of the global ranking.
    """

    name: str
    index: int
    votes: Sequence[Positions]
    previous: Positions

    def consensus(self) -> NDArray[np.int32]:
        """Edge ids by the sum of the votes, ascending."""
        return ascending(summed(self.votes), self.previous)


class ConsensusAttack(Attack):
    """Base of attacks in which all colluders send one ranking, made layer by layer."""

    space: ClassVar[Space] = "ranks"
    knowledge: ClassVar[Knowledge] = Knowledge.COLLUDERS

    @abstractmethod
    def order(self, layer: Layer, view: CraftView, rng: np.random.Generator) -> NDArray[np.int32]:
        """Return the edges of one layer in the order to send, the least important first."""

    def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
        """Send the same ranking from every colluder."""
        update = {
            name: invert(
                self.order(Layer(name, i, [own[name] for own in view.own], previous), view, rng)
            )
            for i, (name, previous) in enumerate(view.previous.items())
        }
        return Crafted([update] * count, view.state)
