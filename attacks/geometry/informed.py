"""Attacks that estimate the benign updates, from the colluders' own or from the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from attacks.base import Attack, CraftView, Knowledge, Update


@dataclass(frozen=True)
class Informed(Attack):
    """Base of attacks that work on known updates of honest training.

    Parameters
    ----------
    source : {"colluders", "benign"}
        Whose updates it works on: the honest ones of the colluders, or those of this round's
        benign clients (a much stronger adversary).
    """

    knowledge: ClassVar[Knowledge] = Knowledge.COLLUDERS | Knowledge.BENIGN

    source: Literal["colluders", "benign"] = "colluders"

    def needs(self) -> Knowledge:
        """Leave out ``BENIGN`` unless that is the source."""
        return self.knowledge if self.source == "benign" else self.knowledge & ~Knowledge.BENIGN

    def known(self, view: CraftView) -> Sequence[Update]:
        """Return the updates it works on; the colluders' own in a round without benign replies."""
        if self.source == "benign" and view.benign:
            return view.benign
        return view.own
