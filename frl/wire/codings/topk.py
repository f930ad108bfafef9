"""``topk``: the values of largest magnitude, with their ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.errors import InputError
from frl.ranking import Positions, kept_edges, packed_order, sortable
from frl.wire.coding import Coding
from frl.wire.codings import register
from frl.wire.compression.bitpack import pack, packed_size, unpack, width_for
from frl.wire.errors import WireError
from frl.wire.reader import Reader

_FLOAT = np.dtype("<f4")
_SCALE = 1_000_000


@register("topk")
@dataclass(frozen=True)
class TopK(Coding):
    """Sparse updates: ids ascending at ``ceil(log2 n)`` bits, then float32 values; others are 0.

    Parameters
    ----------
    share : float
        Share of values sent, more than 0, at most 1: ``n - int((1 - share) n)`` of them.
    """

    share: float = 0.1

    code: ClassVar[int] = 9
    takes: ClassVar[type[np.generic]] = np.float32
    gives: ClassVar[str] = "float32, 0 where nothing was sent"

    def __post_init__(self) -> None:
        if not 0.0 < self.share <= 1.0:
            raise InputError(
                f"share of values sent: got {self.share}; takes more than 0, at most 1"
            )

    @property
    def parameter(self) -> int:
        """Share of values sent, in millionths."""
        return round(self.share * _SCALE)

    def limit(self, n: int) -> int:
        """Return the size of every such payload."""
        sent = kept_edges(n, self.share)
        return packed_size(sent, width_for(n)) + 4 * sent

    def encode_layer(self, values: NDArray[Any], base: Positions | None, rows: int | None) -> bytes:
        """Pack the ids and values of largest magnitude, of equal ones the higher ids."""
        n = values.size
        order = packed_order(sortable(np.abs(values)), np.arange(n, dtype=np.int32))
        ids = np.sort(order[n - kept_edges(n, self.share) :])
        return pack(ids, width_for(n)) + values[ids].astype(_FLOAT).tobytes()

    def decode_layer(self, payload: memoryview, n: int, base: Positions | None) -> NDArray[Any]:
        """Unpack into a dense array; ids must ascend strictly."""
        sent = kept_edges(n, self.share)
        reader = Reader(payload)
        ids = unpack(reader.take(packed_size(sent, width_for(n))), sent, width_for(n))
        values = np.frombuffer(reader.take(4 * sent), dtype=_FLOAT)
        reader.finish()
        if sent and (int(ids[-1]) >= n or (ids[1:] <= ids[:-1]).any()):
            raise WireError("out-of-range", f"ids do not ascend strictly within 0 .. {n - 1}")
        dense = np.zeros(n, dtype=np.float32)
        dense[ids.astype(np.int64)] = values
        return dense
