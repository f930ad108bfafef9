"""Ballots: rankings rounded to a few bits an edge.

A ``b``-bit ballot says in which of ``2**b`` buckets of ranks an edge lies. A vote over ballots is
the sum of the buckets; its many ties are settled by the previous ranking (:func:`refine`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from frl.errors import InputError
from frl.randomness import Purpose, generator
from frl.ranking import Positions, invert, packed_order

MAX_BITS = 8


def boundaries(n: int, bits: int, *, focus: float = 1.0, centre: float = 0.5) -> NDArray[np.int64]:
    """First rank of each bucket, and ``n`` at the end.

    Bucket ``i`` holds the ranks from ``boundaries[i]`` to ``boundaries[i + 1] - 1``. With
    ``focus = 1`` buckets are equal, ``bucket = floor(rank * 2**bits / n)``. With ``focus > 1`` they
    are finer about ``centre * n``, where the mask is decided, and coarser far from it: a boundary
    at the share ``t`` of the way from the centre to either end lies at ``t**focus`` of that way.

    Parameters
    ----------
    n : int
        Edges of the layer.
    bits : int
        1 to 8.
    focus : float
        At least 1.
    centre : float
        Share of ranks below the mask's edge, ``1 - keep``; strictly between 0 and 1 with a focus.

    Returns
    -------
    int64 array of shape (2**bits + 1,), ascending

    Raises
    ------
    InputError
        If a parameter is out of range.
    """
    if not 1 <= bits <= MAX_BITS:
        raise InputError(f"bits of a ballot: got {bits}; takes 1 to {MAX_BITS}")
    if not 1.0 <= focus <= 16.0:
        raise InputError(f"focus of a ballot: got {focus}; takes 1 to 16")
    buckets = 1 << bits
    if focus == 1.0:
        return -((-np.arange(buckets + 1, dtype=np.int64) * n) // buckets)
    if not 0.0 < centre < 1.0:
        raise InputError(
            f"centre of a focused ballot: got {centre}; takes more than 0, less than 1"
        )
    share = np.arange(buckets + 1) / buckets
    below = share <= centre
    way = np.where(below, (centre - share) / centre, (share - centre) / (1.0 - centre))
    bent = np.array([float(w) ** focus for w in way])
    edges = np.where(below, centre - centre * bent, centre + (1.0 - centre) * bent)
    edges = np.round(edges, 12)
    first = np.clip(np.ceil(edges * n), 0, n).astype(np.int64)
    first[0], first[-1] = 0, n
    return np.maximum.accumulate(first)


def bucket_table(edges: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Bucket of each rank, shape (n,), from :func:`boundaries`."""
    return np.repeat(np.arange(edges.size - 1, dtype=np.uint8), np.diff(edges))


def ballot(
    positions: Positions, bits: int, *, focus: float = 1.0, centre: float = 0.5
) -> NDArray[np.uint8]:
    """Round a ranking to a ballot.

    Parameters
    ----------
    positions : int32 array of shape (n,)
        A permutation of ``0 .. n-1``.
    bits, focus, centre
        See :func:`boundaries`.

    Returns
    -------
    uint8 array of shape (n,), the bucket of each edge
    """
    return bucket_table(boundaries(positions.size, bits, focus=focus, centre=centre))[positions]


def dithered(
    positions: Positions, bits: int, rng: np.random.Generator, *, strength: float = 1.0
) -> Positions:
    """Jitter a ranking so that ballots made of it differ near the edges of buckets.

    Every rank gets uniform noise of ``strength`` bucket widths and the edges are ranked again: over
    many clients the mean bucket then tells ranks apart within a bucket, as stochastic rounding
    does, yet every ballot keeps exactly the bucket sizes of a ranking, so no vote weighs more.

    Parameters
    ----------
    positions : int32 array of shape (n,)
    bits : int
        Of the ballot to be made.
    rng : numpy Generator
    strength : float
        Width of the noise in bucket widths; 0 changes nothing.
    """
    if not 0.0 <= strength <= 64.0:
        raise InputError(f"strength of dither: got {strength}; takes 0 to 64")
    n = positions.size
    width = strength * n / (1 << bits)
    noise = rng.random(n, dtype=np.float32) * np.float32(width)
    jittered = np.rint(positions + noise).astype(np.int64)
    order = packed_order(jittered, positions)
    return invert(order)[positions]


def noise(seed: int, round: int, client: int, layer: int) -> np.random.Generator:
    """Return the generator of the noise that a client's ballot of one layer gets in a round."""
    return generator(seed, Purpose.QUANTISE, round=round, client=client, layer=layer)


def refine(votes: NDArray[np.int32] | NDArray[np.int64], previous: Positions) -> Positions:
    """Rank edges by their votes, equal votes by the previous ranking.

    Also what a client does to rebuild the server's ranking from a ballot of it: buckets stand for
    votes, and within a bucket the order of the ranking both hold remains.

    Parameters
    ----------
    votes : integer array of shape (n,)
        Must fit 32 bits signed.
    previous : int32 array of shape (n,)
        A permutation of ``0 .. n-1``.

    Returns
    -------
    int32 array of shape (n,), a permutation of ``0 .. n-1``
    """
    order = packed_order(votes, previous)
    return invert(invert(previous)[order])


def midranks(edges: NDArray[np.int64]) -> NDArray[np.int32]:
    """Twice the mean rank of each bucket: what buckets of unequal width weigh in a vote.

    Parameters
    ----------
    edges : int64 array of shape (2**bits + 1,)
        From :func:`boundaries`.
    """
    return (edges[:-1] + np.maximum(edges[1:] - 1, edges[:-1])).astype(np.int32)
