"""``ballot``: a few bits of rank for each edge, entropy-coded given the base ranking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.ranking import Positions
from frl.wire.boundaries import boundaries
from frl.wire.coding import Coding, require_base
from frl.wire.codings import register
from frl.wire.compression.buckets import buckets_limit, decode_buckets, encode_buckets
from frl.wire.reader import Reader


@register("ballot")
@dataclass(frozen=True)
class Ballot(Coding):
    """A ballot given the base ranking (:mod:`frl.wire.compression.buckets`).

    Also the downlink of a server whose ranking clients rebuild with
    :func:`frl.exchange.ballots.refine`.

    Parameters
    ----------
    bits : int
        Bits of the ballot, 1 to 8.
    focus, centre : float
        Of the buckets, see :func:`frl.wire.boundaries.boundaries`.
    """

    bits: int = 4
    focus: float = 1.0
    centre: float = 0.5

    code: ClassVar[int] = 3
    takes: ClassVar[type[np.generic]] = np.uint8
    gives: ClassVar[str] = "uint8 buckets, as many edges in each as in a ballot made of a ranking"
    needs_base: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._edges(1)

    @property
    def parameter(self) -> int:
        """Bits, focus in 1/256 and centre in 1/4096."""
        return self.bits | round(self.focus * 256) << 4 | round(self.centre * 4096) << 17

    def limit(self, n: int) -> int:
        """Return the packed size and the byte that says so."""
        return buckets_limit(n, 1 << self.bits)

    def encode_layer(self, values: NDArray[Any], base: Positions | None, rows: int | None) -> bytes:
        """Encode the buckets of one layer."""
        return encode_buckets(values, self._edges(values.size), require_base("ballot", base), rows)

    def decode_layer(self, payload: memoryview, n: int, base: Positions | None) -> NDArray[Any]:
        """Decode the buckets of one layer and check how many edges each holds."""
        reader = Reader(payload)
        buckets = decode_buckets(reader, n, self._edges(n), require_base("ballot", base))
        reader.finish()
        return buckets

    def _edges(self, n: int) -> NDArray[np.int64]:
        return boundaries(n, self.bits, focus=self.focus, centre=self.centre)
