"""Steps from the global ranking of one round to that of the next, by what its ballots add up to.

A ranking given the one before takes about ten bits an edge. Where clients send ballots, their sums
determine it, and :mod:`frl.wire.tally` codes those in about one.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.exchange.ballots import refine
from frl.exchange.unmoved import Rounding, Unmoved
from frl.ranking import Positions
from frl.wire import Base
from frl.wire.reader import Reader
from frl.wire.tally import Expected, decode_tally, encode_tally, read_voters

MOST_NOISES = 128
"""Voters whose noise a client makes again to follow a step, at most: it takes time for each."""
_MAGIC = b"FRLT"
_LENGTH = struct.Struct("<I")


def encode_step(
    sums: Mapping[str, NDArray[np.int32]],
    form: Rounding,
    voters: Sequence[int],
    base: Base,
    *,
    seed: int,
    rows: Mapping[str, int],
    heard: Unmoved | None = None,
) -> bytes:
    """Encode what leads from the ranking of a round to the next.

    Parameters
    ----------
    sums : mapping of layer name to int32 array of shape (n,)
        Of the ballots of ``voters``, in the order of the run's layers.
    form : Rounding
        With equal buckets.
    voters : sequence of int
        Clients.
    base : Base
        The ranking and the round.
    seed : int
        Of the run.
    rows : mapping of layer name to int
        See :func:`frl.wire.encode`.
    heard : Unmoved, optional
        With the voters whose noise was made when their ballots were read.
    """
    unmoved = heard or Unmoved(form, base, seed=seed, near=True)
    known = {name: Expected(*kinds) for name, kinds in unmoved.over(voters).items()}
    return encode_tally(sums, known, tuple(voters), base, rows)


def moves(
    sums: Mapping[str, NDArray[Any]],
    form: Rounding,
    voters: Sequence[int],
    base: Base,
    *,
    seed: int,
    heard: Unmoved | None = None,
) -> dict[str, NDArray[np.int64]]:
    """Return how far ballots moved each edge in the mean, in ranks, without their noise.

    Parameters
    ----------
    sums : mapping of layer name to integer array of shape (n,)
        Of the ballots of ``voters``.
    form : Rounding
        With equal buckets.
    voters : sequence of int
        Clients, one at least.
    base : Base
        The ranking and the round.
    seed : int
        Of the run.
    heard : Unmoved, optional
        With the voters whose noise was made when their ballots were read.

    Returns
    -------
    dict of layer name to int64 array of shape (n,), halves rounded up
    """
    unmoved = heard or Unmoved(form, base, seed=seed, near=False)
    whole = len(voters) << form.bits
    return {
        name: _ranks(sums[name] - stay, whole) for name, (stay, *_) in unmoved.over(voters).items()
    }


def follow(message: bytes, form: Rounding, base: Base, *, seed: int) -> Base:
    """Follow joined steps from the ranking this side holds.

    Parameters
    ----------
    message : bytes
        From :func:`join`.
    form : Rounding
    base : Base
    seed : int

    Raises
    ------
    WireError
        If a step is damaged or does not begin with the ranking that the one before led to.
    """
    reader = Reader(message)
    reader.take(len(_MAGIC))
    (count,) = reader.structure(_LENGTH)
    for _ in range(count):
        (length,) = reader.structure(_LENGTH)
        base = _take(reader.take(length), form, base, seed)
    reader.finish()
    return base


def join(steps: Sequence[bytes]) -> bytes:
    """Put the steps of consecutive rounds into one message."""
    parts = [part for step in steps for part in (_LENGTH.pack(len(step)), step)]
    return b"".join([_MAGIC, _LENGTH.pack(len(steps)), *parts])


def is_steps(message: bytes) -> bool:
    """Whether a message is one that :func:`join` made."""
    return message[: len(_MAGIC)] == _MAGIC


def _take(step: memoryview, form: Rounding, base: Base, seed: int) -> Base:
    voters = read_voters(step)
    unmoved = Unmoved(form, base, seed=seed, near=True)
    known = {name: Expected(*kinds) for name, kinds in unmoved.over(voters).items()}
    sums = decode_tally(step, known, voters, base)
    return Base(base.round + 1, _ranked(sums, base.state))


def _ranked(sums: Mapping[str, NDArray[np.int32]], before: Arrays) -> dict[str, Positions]:
    """Rank as the vote does."""
    return {name: refine(sums[name], positions) for name, positions in before.items()}


def _ranks(moved: NDArray[Any], buckets: int) -> NDArray[np.int64]:
    """Turn sums of buckets into mean ranks, where ``buckets`` of them are the whole range."""
    doubled = 2 * moved.size * moved.astype(np.int64)
    return (doubled + buckets) // (2 * buckets)
