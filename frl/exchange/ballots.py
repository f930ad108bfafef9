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
from frl.wire.boundaries import boundaries, bucket_table


def ballot(
    positions: Positions, bits: int, *, focus: float = 1.0, centre: float = 0.5
) -> NDArray[np.uint8]:
    """Round a ranking to a ballot.

    Parameters
    ----------
    positions : int32 array of shape (n,)
        A permutation of ``0 .. n-1``.
    bits, focus, centre
        See :func:`frl.wire.boundaries.boundaries`.

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
