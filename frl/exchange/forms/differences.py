"""``Differences``: a client sends by how much its weights moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from frl.errors import InputError
from frl.exchange.forms.base import Form
from frl.wire import Coding
from frl.wire.codings.dense import Float32, Signs
from frl.wire.codings.topk import TopK


@dataclass(frozen=True)
class Differences(Form):
    """The differences of weights; plain arrays hold all of them, codings what is said here.

    Parameters
    ----------
    share : float
        Share of values sent, those of largest magnitude; the client has set the others to 0.
    signs : bool
        Whether only signs are sent, for a rule that takes no more.
    """

    share: float = 1.0
    signs: bool = False

    dtype: ClassVar[str] = "float32"
    snapshot: ClassVar[Coding] = Float32()

    def __post_init__(self) -> None:
        if not 0.0 < self.share <= 1.0:
            raise InputError(
                f"share of values sent: got {self.share}; takes more than 0, at most 1"
            )

    def codings(self) -> dict[str, Coding]:
        """Return the one that keeps what matters."""
        if self.signs:
            return {"signs": Signs()}
        if self.share < 1:
            return {"topk": TopK(self.share)}
        return {"float32": Float32()}

    def of(self, update: NDArray[Any]) -> NDArray[Any]:
        """Return the differences."""
        return update

    def fault(self, sent: NDArray[Any]) -> str | None:
        """Admit only finite numbers."""
        return None if np.isfinite(sent).all() else "non-finite"
