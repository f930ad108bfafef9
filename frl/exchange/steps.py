"""Steps from the global ranking of one round to that of the next, by what its ballots add up to.

A ranking given the one before takes about ten bits an edge. Where clients send ballots, their sums
determine it, and :mod:`frl.wire.tally` codes those in about one.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.exchange.ballots import noise, refine
from frl.ranking import Positions
from frl.wire import Base
from frl.wire.boundaries import boundaries, bucket_table
from frl.wire.reader import Reader
from frl.wire.tally import Expected, decode_tally, encode_tally, read_voters

MOST_NOISES = 128
"""Voters whose noise a client makes again to follow a step, at most: it takes time for each."""
_MAGIC = b"FRLT"
_LENGTH = struct.Struct("<I")
_REACH = 6
"""Edges nearer than ``n / 2**_REACH`` ranks to the end of their bucket are near it."""


class Rounding(Protocol):
    """The rounding of rankings by clients, as :class:`frl.exchange.forms.Ballots` have it."""

    @property
    def bits(self) -> int:
        """Bits of a ballot."""
        ...

    @property
    def dither(self) -> float:
        """Strength of the noise, 0 for none."""
        ...

    def jittered(self, positions: Positions, rng: np.random.Generator) -> Positions:
        """Add the noise to the positions of a layer."""
        ...


def encode_step(
    sums: Mapping[str, NDArray[np.int32]],
    form: Rounding,
    voters: Sequence[int],
    base: Base,
    *,
    seed: int,
    rows: Mapping[str, int],
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
    """
    known = _expected(form, tuple(voters), base, list(sums), seed)
    return encode_tally(sums, known, tuple(voters), base, rows)


def moves(
    sums: Mapping[str, NDArray[Any]],
    form: Rounding,
    voters: Sequence[int],
    base: Base,
    *,
    seed: int,
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

    Returns
    -------
    dict of layer name to int64 array of shape (n,), halves rounded up
    """
    found = {}
    for number, (name, ranks) in enumerate(base.state.items()):
        buckets = bucket_table(boundaries(ranks.size, form.bits))
        (stay,) = _unmoved(form, ranks, _noises(seed, base, voters, number), [buckets])
        found[name] = _ranks(sums[name] - stay, len(voters) << form.bits)
    return found


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
    known = _expected(form, voters, base, list(base.state), seed)
    sums = decode_tally(step, known, voters, base)
    return Base(base.round + 1, _ranked(sums, base.state))


def _ranked(sums: Mapping[str, NDArray[np.int32]], before: Arrays) -> dict[str, Positions]:
    """Rank as the vote does."""
    return {name: refine(sums[name], positions) for name, positions in before.items()}


def _expected(
    form: Rounding, voters: tuple[int, ...], base: Base, layers: list[str], seed: int
) -> dict[str, Expected]:
    return {
        name: _expected_layer(
            form,
            base.state[name],
            _noises(seed, base, voters, number),
        )
        for number, name in enumerate(layers)
    }


def _noises(seed: int, base: Base, voters: Sequence[int], layer: int) -> list[np.random.Generator]:
    return [noise(seed, base.round, client, layer) for client in voters]


def _unmoved(
    form: Rounding,
    positions: Positions,
    noises: Sequence[np.random.Generator],
    tables: Sequence[NDArray[Any]],
) -> list[NDArray[np.int32]]:
    """Add up what tables say of the ballots of clients that leave the ranking as it is."""
    if not form.dither:
        return [np.int32(len(noises)) * table.take(positions) for table in tables]
    totals = [np.zeros(positions.size, dtype=np.int32) for _ in tables]
    for rng in noises:
        jittered = form.jittered(positions, rng)
        for total, table in zip(totals, tables, strict=True):
            total += table.take(jittered)
    return totals


def _ranks(moved: NDArray[Any], buckets: int) -> NDArray[np.int64]:
    """Turn sums of buckets into mean ranks, where ``buckets`` of them are the whole range."""
    doubled = 2 * moved.size * moved.astype(np.int64)
    return (doubled + buckets) // (2 * buckets)


def _expected_layer(
    form: Rounding, positions: Positions, noises: Sequence[np.random.Generator]
) -> Expected:
    tables = _tables(boundaries(positions.size, form.bits))
    return Expected(*_unmoved(form, positions, noises, tables))


def _tables(edges: NDArray[np.int64]) -> tuple[NDArray[np.int32], ...]:
    """Bucket of each rank, and its nearness to the lower and the upper end of the bucket."""
    n, widths = int(edges[-1]), np.diff(edges)
    ranks, reach = np.arange(n), max(1, n >> _REACH)
    first, last = np.repeat(edges[:-1], widths), np.repeat(edges[1:], widths) - 1
    below = np.where(first > 0, reach - (ranks - first), 0)
    above = np.where(last < n - 1, reach - (last - ranks), 0)
    nearness = [np.maximum(side, 0).astype(np.int32) for side in (below, above)]
    return bucket_table(edges).astype(np.int32), *nearness
