"""``float32`` and ``signs``: what averaging and sign-based methods send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.ranking import Positions
from frl.wire.coding import Coding
from frl.wire.codings import register
from frl.wire.compression.bitpack import pack, packed_size, unpack
from frl.wire.errors import WireError

_FLOAT = np.dtype("<f4")


@register("float32")
@dataclass(frozen=True)
class Float32(Coding):
    """Every value as it is (FedAvg). Values may be non-finite: a rule's gate decides on them."""

    code: ClassVar[int] = 7
    takes: ClassVar[type[np.generic]] = np.float32
    gives: ClassVar[str] = "float32"

    def limit(self, n: int) -> int:
        """Return the size of every such payload."""
        return 4 * n

    def encode_layer(self, values: NDArray[Any], base: Positions | None, rows: int | None) -> bytes:
        """Copy the values."""
        return values.astype(_FLOAT, copy=False).tobytes()

    def decode_layer(self, payload: memoryview, n: int, base: Positions | None) -> NDArray[Any]:
        """Copy the values."""
        if len(payload) != 4 * n:
            reason = "truncated" if len(payload) < 4 * n else "trailing-bytes"
            raise WireError(reason, f"{n} values take {4 * n} bytes, got {len(payload)}")
        return np.frombuffer(payload, dtype=_FLOAT).astype(np.float32)


@register("signs")
@dataclass(frozen=True)
class Signs(Coding):
    """One bit a value (signSGD, Bernstein et al., 2019); a zero counts as positive."""

    code: ClassVar[int] = 8
    takes: ClassVar[type[np.generic]] = np.float32
    gives: ClassVar[str] = "float32, +1 or -1"

    def limit(self, n: int) -> int:
        """Return the size of every such payload."""
        return packed_size(n, 1)

    def encode_layer(self, values: NDArray[Any], base: Positions | None, rows: int | None) -> bytes:
        """Pack a set bit for each negative value."""
        return pack(values < 0, 1)

    def decode_layer(self, payload: memoryview, n: int, base: Positions | None) -> NDArray[Any]:
        """Unpack signs."""
        return np.float32(1.0) - np.float32(2.0) * unpack(payload, n, 1).astype(np.float32)
