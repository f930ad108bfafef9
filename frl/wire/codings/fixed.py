"""``fixed``: positions of ``ceil(log2 n)`` bits each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.ranking import Positions
from frl.wire.coding import Coding
from frl.wire.codings import register
from frl.wire.compression.bitpack import pack, packed_size, unpack, width_for
from frl.wire.validate import require_permutation


@register("fixed")
@dataclass(frozen=True)
class Fixed(Coding):
    """A full ranking at fixed width; needs nothing but the model (Mozaffari et al., 2023)."""

    code: ClassVar[int] = 1
    takes: ClassVar[type[np.generic]] = np.int32
    gives: ClassVar[str] = "int32 positions, a permutation"

    def limit(self, n: int) -> int:
        """Return the size of every such payload."""
        return packed_size(n, width_for(n))

    def encode_layer(self, values: NDArray[Any], base: Positions | None, rows: int | None) -> bytes:
        """Pack the positions."""
        return pack(require_permutation(values, values.size), width_for(values.size))

    def decode_layer(self, payload: memoryview, n: int, base: Positions | None) -> NDArray[Any]:
        """Unpack the positions and check that they are a permutation."""
        return require_permutation(unpack(payload, n, width_for(n)).astype(np.int32), n)
