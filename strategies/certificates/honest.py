"""The honest votes of one layer, and what certificates need of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from frl.ranking import Positions
from strategies.certificates.mask import Sums
from strategies.stack.order import in_order


@dataclass(frozen=True, eq=False)
class Honest:
    """The honest votes of one layer.

    Attributes
    ----------
    votes : integer array of shape (clients, n)
        What each client gives each edge.
    values : int64 array of shape (n,), ascending
        What any vote gives to the edges, in some order.
    previous : int32 positions of shape (n,)
        The ranking that the round began with.
    keep : float
        Share of edges in the mask.
    """

    votes: NDArray[Any]
    values: Sums
    previous: Positions
    keep: float = 0.5

    @property
    def clients(self) -> int:
        """Number of honest votes."""
        return len(self.votes)

    @cached_property
    def total(self) -> Sums:
        """Sum of each edge, int64 of shape (n,)."""
        return _sum(self.votes)

    @cached_property
    def ordered(self) -> NDArray[np.int32]:
        """Each edge's votes in ascending order: int32 of shape (clients, n)."""
        stack = torch.from_numpy(np.ascontiguousarray(self.votes, dtype=np.int32))
        out = np.empty(stack.shape, dtype=np.int32)
        for block, rows in in_order(stack, list(range(len(stack)))):
            for place, row in enumerate(rows):
                out[place, block] = row.numpy()
        return out

    def lowest(self, count: int) -> Sums:
        """Sum of the ``count`` lowest votes on each edge."""
        return _sum(self.ordered[:count])

    def highest(self, count: int) -> Sums:
        """Sum of the ``count`` highest votes on each edge."""
        return _sum(self.ordered[self.clients - count :])

    def places(self, first: int, last: int) -> Sums:
        """Sum of the sorted votes ``first .. last - 1``.

        Places before the first vote hold the least value that a vote can give, those after the last
        vote the largest: the sorted votes if as many malicious ones lie below or above them all.
        """
        inside = self.ordered[max(0, first) : max(0, last)]
        below = max(0, min(last, 0) - first)
        above = max(0, last - max(first, self.clients))
        outside = below * int(self.values[0]) + above * int(self.values[-1])
        return _sum(inside) + outside


def _sum(votes: NDArray[Any]) -> Sums:
    total: Sums = votes.sum(axis=0, dtype=np.int64)
    return total
