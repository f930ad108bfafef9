"""The honest votes of one layer, and what certificates need of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from frl.methods.base import KEEP
from frl.ranking import Positions
from strategies.certificates.mask import Sums
from strategies.stack.order import in_order

Weigh: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]
"""Maps votes to what each of them counts, edge by edge."""


def _as_it_is(votes: NDArray[Any]) -> NDArray[Any]:
    return votes


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
    keep: float = KEEP

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

    def without(self, dropped: int, weigh: Weigh = _as_it_is) -> tuple[Sums, Sums]:
        """Bound the sums without some of the votes, on each edge the ones that matter most.

        Parameters
        ----------
        dropped : int
            How many are missing.
        weigh : callable, optional
            What votes count as: not decreasing in the vote; by default the votes themselves.

        Returns
        -------
        (int64 array of shape (n,), int64 array of shape (n,))
            At most and at least.
        """
        total = self.total if weigh is _as_it_is else _sum(weigh(self.votes))
        if not dropped:
            return total, total
        lowest, highest = self.ordered[:dropped], self.ordered[self.clients - dropped :]
        return total - _sum(weigh(lowest)), total - _sum(weigh(highest))

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
    total = np.zeros(votes.shape[1], dtype=np.int64)
    for vote in votes:
        total += vote
    return total
