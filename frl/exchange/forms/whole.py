"""``Whole``: a client sends every position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from frl.exchange.forms.base import Form
from frl.ranking import Positions, permutation_fault
from frl.wire import Coding
from frl.wire.codings.delta import Delta
from frl.wire.codings.fixed import Fixed


@dataclass(frozen=True)
class Whole(Form):
    """Every position of a ranking."""

    def codings(self) -> dict[str, Coding]:
        """Return what codes a full ranking."""
        return {"delta": Delta(), "fixed": Fixed()}

    def of(self, update: Positions) -> NDArray[Any]:
        """Return the positions."""
        return update

    def fault(self, sent: NDArray[Any]) -> str | None:
        """Admit only a permutation."""
        return permutation_fault(sent, sent.size)
