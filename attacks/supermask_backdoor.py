"""Backdoor through the supermask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from attacks import register
from attacks.badnets import BadNets
from attacks.base import Crafted, CraftView, Knowledge, Space
from attacks.geometry.consensus import ascending, summed
from frl.ranking import invert
from frl.registry.ranges import Share


@register("supermask_backdoor")
@dataclass(frozen=True)
class SupermaskBackdoor(BadNets):
    """Colluders find the edges that a backdoor needs and put them on top of the ranking.

    Threat model: colluders train on BadNets data and share their rankings. A vote has no size to
    boost, but its highest ranks can go to what matters to the backdoor alone. Formula: in each
    layer the ``promoted`` share of edges with the largest gain
    ``mean position after training - global position`` takes the highest ranks, by gain; the others
    keep the order of the consensus.

    Parameters
    ----------
    target : int
    size, margin : int
        Of the patch, pixels.
    value : int
        Of the patch, 0 to 255.
    share : float
        Of a client's samples that is poisoned.
    promoted : float
        Share of each layer's edges.
    """

    space: ClassVar[Space] = "ranks"
    knowledge: ClassVar[Knowledge] = Knowledge.COLLUDERS
    formula: ClassVar[str] = "the edges that backdoor training raises most get the highest ranks"
    paper: ClassVar[str] = "this project; trigger of Gu et al., arXiv:1708.06733"

    promoted: Share = 0.1

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"share": (), "promoted": (0.3, 0.5)}

    def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
        """Send the consensus with the edges of largest gain on top."""
        update = {}
        for name, previous in view.previous.items():
            total = summed([own[name] for own in view.own])
            order = ascending(total, previous)
            gain = total - len(view.own) * previous.astype(np.int64)
            rising = ascending(gain, invert(order))
            top = rising[rising.size - round(self.promoted * rising.size) :]
            lifted = np.zeros(order.size, np.bool_)
            lifted[top] = True
            update[name] = invert(np.concatenate([order[~lifted[order]], top]))
        return Crafted([update] * count, view.state)
