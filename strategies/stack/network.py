"""Sorting networks: order the same few values in millions of columns with minima and maxima only.

A comparator replaces two rows by their elementwise minimum and maximum, so a fixed list of them
sorts every column at once without a branch or an index. Batcher's odd-even merge sort (AFIPS 1968)
takes O(n log^2 n) of them; whatever the caller does not look at is then cut out of the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

UNUSED = -1


class Comparator(NamedTuple):
    """Sort two rows; ``want_low`` and ``want_high`` say which result anybody looks at."""

    low: int
    high: int
    want_low: bool
    want_high: bool


def batcher(n: int) -> Iterator[tuple[int, int]]:
    """Yield the comparators (lower row, higher row) that sort n rows."""
    p = 1
    while p < n:
        k = p
        while k >= 1:
            for j in range(k % p, n - k, 2 * k):
                for i in range(j, min(j + k, n - k)):
                    if i // (2 * p) == (i + k) // (2 * p):
                        yield i, i + k
            k //= 2
        p *= 2


@lru_cache(maxsize=64)
def network(groups: tuple[int, ...]) -> tuple[Comparator, ...]:
    """Return the comparators needed when only part of the order matters.

    Parameters
    ----------
    groups : tuple[int, ...]
        For each sorted place (0 the smallest) the group it belongs to. Places of one group may come
        out in any order, since the caller adds them up; :data:`UNUSED` places hold anything.

    Notes
    -----
    Walking backwards, two rows that are interchangeable from here on need no comparator, and the
    inputs of a comparator that is needed are interchangeable with each other only.
    """
    label = list(groups)
    fresh = max(groups, default=0) + 1
    needed: list[Comparator] = []
    for low, high in reversed(list(batcher(len(groups)))):
        if label[low] == label[high]:
            continue
        needed.append(Comparator(low, high, label[low] != UNUSED, label[high] != UNUSED))
        label[low] = label[high] = fresh
        fresh += 1
    return tuple(reversed(needed))


def run(comparators: Sequence[Comparator], rows: list[Tensor], spare: Tensor) -> list[Tensor]:
    """Pass rows through a network.

    Parameters
    ----------
    comparators : Sequence[Comparator]
        From :func:`network`.
    rows : list of Tensor
        One vector a row, all of one length; overwritten.
    spare : Tensor
        Room for one more row.

    Returns
    -------
    list of Tensor
        The rows in their sorted places.
    """
    for low, high, want_low, want_high in comparators:
        if not want_high:
            torch.minimum(rows[low], rows[high], out=rows[low])
        elif not want_low:
            torch.maximum(rows[low], rows[high], out=rows[high])
        else:
            torch.minimum(rows[low], rows[high], out=spare)
            torch.maximum(rows[low], rows[high], out=rows[high])
            rows[low], spare = spare, rows[low]
    return rows
