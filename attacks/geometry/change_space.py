"""Changes of a ranking: votes as vectors of what they moved, and back to rankings.

With ``q`` the ranking a round began with and ``p`` a vote, the change of a layer is ``p - q`` times
``sqrt(3 / (n (n^2 - 1)) / layers)``. Squared lengths are then mean Spearman distances, so that each
layer counts alike whatever its size, and a ranking and its reversal are at distance 1.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, TypeAlias

import numpy as np

from attacks.base import Attack, Crafted, CraftView, RuleCall, Space, Update
from attacks.geometry.informed import Informed
from attacks.geometry.weight_space import Vector, stacked, unstacked
from frl.exchange.ballots import refine
from frl.ranking import sortable

RankDirection: TypeAlias = Literal["unit", "std"]


@dataclass(frozen=True)
class ChangeSpace:
    """The changes that votes can make to one ranking.

    Attributes
    ----------
    previous : Update
        The ranking ``q`` that changes are counted from: int32 positions by layer.
    """

    previous: Update

    def scale(self, layer: str) -> np.float32:
        """Length of one edge moved by one rank."""
        n = self.previous[layer].size
        return np.float32(np.sqrt(3 / max(1, n * (n * n - 1)) / len(self.previous)))

    def change(self, vote: Update) -> Update:
        """Subtract the ranking from a vote; float32 arrays of shape (n,) by layer."""
        return {name: (vote[name] - q) * self.scale(name) for name, q in self.previous.items()}

    def position(self) -> Vector:
        """Lay the ranking itself out, in the units of a change; shape (d,)."""
        scaled: Update = {name: q * self.scale(name) for name, q in self.previous.items()}
        vector: Vector = stacked([scaled])[0]
        return vector

    def stacked(self, votes: Sequence[Update]) -> Vector:
        """Lay the changes of votes out as the rows of one float32 array of shape (m, d)."""
        return stacked([self.change(vote) for vote in votes])

    def ranking(self, change: Update | Vector) -> Update:
        """Rank ``q + change``, ties by ``q``: the nearest ranking to it.

        The change that is left when this is subtracted again differs from the one given; its
        distance to that of any vote is at most twice as large.

        Parameters
        ----------
        change : mapping of layer to float32 array of shape (n,), or one array of shape (d,)
        """
        by_layer = change if isinstance(change, dict) else unstacked(change, self.previous)
        return {
            name: refine(sortable((q + by_layer[name] / self.scale(name)).astype(np.float32)), q)
            for name, q in self.previous.items()
        }


class CarriedOver(Informed):
    """Base of attacks on weights carried over to rankings.

    The original sees the changes of votes where it would see updates of weights, and the rule, if
    it asks for it, as one on changes; every change that it makes is ranked.
    """

    space: ClassVar[Space] = "ranks"

    @abstractmethod
    def original(self, view: CraftView, count: int) -> Attack:
        """Return the attack on weights to carry over.

        Parameters
        ----------
        view : CraftView
            Of rankings.
        count : int
            Malicious clients that reply this round.
        """

    def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
        """Let the original craft changes, and rank them."""
        changes = ChangeSpace(view.previous)
        seen = replace(
            view,
            own=[changes.change(vote) for vote in view.own],
            benign=None if view.benign is None else [changes.change(v) for v in view.benign],
            rule=None if view.rule is None else _on_changes(view.rule, changes),
        )
        crafted, state = self.original(view, count).craft(seen, count, rng)
        ranked = {id(change): changes.ranking(change) for change in crafted}
        return Crafted([ranked[id(change)] for change in crafted], state)


@dataclass(frozen=True)
class BoundedCarriedOver(CarriedOver):
    """Base of attacks carried over that go as far in a direction as honest changes allow.

    Parameters
    ----------
    direction : {"unit", "std"}
        ``p``: ``-mean / ||mean||`` or ``-std`` per edge.
    """

    paper: ClassVar[str] = "after Shejwalkar and Houmansadr, NDSS 2021"
    on_weights: ClassVar[Callable[..., Attack]]

    direction: RankDirection = "unit"

    def original(self, view: CraftView, count: int) -> Attack:
        """Return the attack on weights."""
        return type(self).on_weights(self.source, self.direction)


def _on_changes(rule: RuleCall, changes: ChangeSpace) -> RuleCall:
    def call(updates: Sequence[Update]) -> Update:
        ranked = {id(update): changes.ranking(update) for update in updates}
        return changes.change(rule([ranked[id(update)] for update in updates]))

    return call
