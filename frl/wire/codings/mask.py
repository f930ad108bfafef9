"""``mask``: one bit an edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.errors import InputError
from frl.ranking import Positions, kept_edges
from frl.wire.coding import Coding
from frl.wire.codings import register
from frl.wire.compression.bitpack import pack, packed_size, unpack
from frl.wire.errors import WireError

_SCALE = 1_000_000


@register("mask")
@dataclass(frozen=True)
class Mask(Coding):
    """Which edges are kept.

    Parameters
    ----------
    keep : float or None
        Share of edges a mask keeps; a mask that keeps any other number is refused. None takes any.
    """

    keep: float | None = None

    code: ClassVar[int] = 6
    takes: ClassVar[type[np.generic]] = np.bool_
    gives: ClassVar[str] = "bool"

    def __post_init__(self) -> None:
        if self.keep is not None and not 0.0 < self.keep <= 1.0:
            raise InputError(f"share of edges kept: got {self.keep}; takes more than 0, at most 1")

    @property
    def parameter(self) -> int:
        """Share kept in millionths, 0 where any share is taken."""
        return 0 if self.keep is None else round(self.keep * _SCALE)

    def limit(self, n: int) -> int:
        """Return the size of every such payload."""
        return packed_size(n, 1)

    def encode_layer(self, values: NDArray[Any], base: Positions | None, rows: int | None) -> bytes:
        """Pack the bits."""
        return pack(self._checked(values), 1)

    def decode_layer(self, payload: memoryview, n: int, base: Positions | None) -> NDArray[Any]:
        """Unpack the bits and count the kept edges."""
        return self._checked(unpack(payload, n, 1).astype(np.bool_))

    def _checked(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        kept = int(np.count_nonzero(mask))
        if self.keep is not None and kept != kept_edges(mask.size, self.keep):
            expected = kept_edges(mask.size, self.keep)
            raise WireError("wrong-counts", f"a mask keeps {kept} edges, expected {expected}")
        return mask
