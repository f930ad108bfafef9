"""``sparse``: the most important edges only, in rank order (Sparse-FRL)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from frl.errors import InputError
from frl.ranking import Positions, invert, kept_edges
from frl.wire.coding import Coding, require_base
from frl.wire.codings import register
from frl.wire.codings.delta import decode_delta, delta_limit, encode_delta
from frl.wire.compression.bitpack import pack, packed_size, unpack, width_for
from frl.wire.compression.buckets import buckets_limit, decode_buckets, encode_buckets
from frl.wire.errors import WireError
from frl.wire.reader import Reader
from frl.wire.validate import require_permutation

_SCALE = 1_000_000
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class _Sparse(Coding):
    """What both sparse codings share.

    Decoded votes are *doubled* ranks, so that the mean of the missing ranks stays an integer: a
    sent edge of rank ``r`` votes ``2 r``; an edge that was not sent votes ``n - m - 1``, twice the
    mean of the ranks ``0 .. n-m-1`` (the sum of the votes is then that of a full ranking), or 0.

    Parameters
    ----------
    share : float
        Share of edges sent, more than 0, at most 1: ``m = n - int((1 - share) n)``.
    unsent : {"mean", "zero"}
        What the other edges count as: the mean of the missing ranks, or 0.
    """

    share: float = 0.5
    unsent: Literal["mean", "zero"] = "mean"

    takes: ClassVar[type[np.generic]] = np.int32
    gives: ClassVar[str] = "int32 doubled ranks; equal for all edges that were not sent"

    def __post_init__(self) -> None:
        if not 0.0 < self.share <= 1.0:
            raise InputError(f"share of edges sent: got {self.share}; takes more than 0, at most 1")
        if self.unsent not in ("mean", "zero"):
            raise InputError(f"unsent edges: got {self.unsent!r}; takes 'mean' or 'zero'")

    @property
    def parameter(self) -> int:
        """Share of edges sent, in millionths."""
        return round(self.share * _SCALE)

    def _votes(self, ids: NDArray[np.int64], n: int) -> NDArray[np.int32]:
        """Turn ids in ascending rank order into doubled ranks, shape (n,)."""
        missing = n - ids.size
        level = max(missing - 1, 0) if self.unsent == "mean" else 0
        votes = np.full(n, level, dtype=np.int32)
        votes[ids] = 2 * np.arange(missing, n, dtype=np.int32)
        return votes


@register("sparse")
@dataclass(frozen=True)
class Sparse(_Sparse):
    """Edge ids of the top share in ascending rank order, ``ceil(log2 n)`` bits each."""

    code: ClassVar[int] = 4

    def limit(self, n: int) -> int:
        """Return the size of every such payload."""
        return packed_size(kept_edges(n, self.share), width_for(n))

    def encode_layer(self, values: NDArray[Any], base: Positions | None, rows: int | None) -> bytes:
        """Pack the ids of the highest positions."""
        n = require_permutation(values, values.size).size
        return pack(invert(values)[n - kept_edges(n, self.share) :], width_for(n))

    def decode_layer(self, payload: memoryview, n: int, base: Positions | None) -> NDArray[Any]:
        """Decode doubled ranks; ids must be distinct edges."""
        sent = kept_edges(n, self.share)
        ids = unpack(payload, sent, width_for(n)).astype(np.int64)
        if sent and int(ids.max()) >= n:
            raise WireError("out-of-range", f"an edge id is not in 0 .. {n - 1}")
        seen = np.zeros(n, dtype=np.bool_)
        seen[ids] = True
        if np.count_nonzero(seen) != sent:
            raise WireError("not-a-permutation", "an edge was sent twice")
        return self._votes(ids, n)


@register("sparse-delta")
@dataclass(frozen=True)
class SparseDelta(_Sparse):
    """The same votes given the base ranking.

    Which edges are sent is coded as a ballot of two unequal buckets; their ranking among themselves
    as a ``delta`` against their ranking in the base.
    """

    code: ClassVar[int] = 5
    needs_base: ClassVar[bool] = True

    def limit(self, n: int) -> int:
        """Return a size that no payload exceeds."""
        return _LENGTH.size + buckets_limit(n, 2) + delta_limit(kept_edges(n, self.share))

    def encode_layer(self, values: NDArray[Any], base: Positions | None, rows: int | None) -> bytes:
        """Encode the highest positions."""
        base = require_base("sparse-delta", base)
        n = require_permutation(values, values.size).size
        missing = n - kept_edges(n, self.share)
        sent = values >= missing
        chosen = np.flatnonzero(sent)
        which = encode_buckets(sent.astype(np.uint8), self._edges(n), base, rows)
        ranked = encode_delta(values[chosen] - np.int32(missing), _ranks_within(base, sent), None)
        return b"".join([_LENGTH.pack(len(which)), which, ranked])

    def decode_layer(self, payload: memoryview, n: int, base: Positions | None) -> NDArray[Any]:
        """Decode doubled ranks."""
        base = require_base("sparse-delta", base)
        reader = Reader(payload)
        (length,) = reader.structure(_LENGTH)
        which = Reader(reader.take(length))
        sent = decode_buckets(which, n, self._edges(n), base).astype(np.bool_)
        which.finish()
        chosen = np.flatnonzero(sent)
        positions = decode_delta(reader, chosen.size, _ranks_within(base, sent))
        return self._votes(chosen[invert(positions)], n)

    def _edges(self, n: int) -> NDArray[np.int64]:
        return np.array([0, n - kept_edges(n, self.share), n], dtype=np.int64)


def _ranks_within(base: Positions, chosen: NDArray[np.bool_]) -> Positions:
    """Positions of the chosen edges among themselves, by their base positions."""
    marked = np.zeros(base.size, dtype=np.int32)
    marked[base[chosen]] = 1
    return (np.cumsum(marked, dtype=np.int32) - np.int32(1))[base[chosen]]
