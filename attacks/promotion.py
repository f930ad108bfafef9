"""Targeted edges promoted to the top."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks import register
from attacks.base import CraftView
from attacks.geometry.consensus import ConsensusAttack, Layer
from frl.randomness import Purpose, generator
from frl.registry.ranges import Share


@register("promotion")
@dataclass(frozen=True)
class Promotion(ConsensusAttack):
    """Colluders push chosen edges to the top of the ranking, and are honest about the others.

    Threat model: colluders share their honest rankings and want these edges in the mask, whatever
    they do to accuracy. Formula: the chosen edges take the highest ranks, each group in the order
    of the consensus.

    Parameters
    ----------
    share : float
        Share of each layer's edges that is promoted; which ones is drawn from the run's seed, the
        same in every round.
    """

    formula: ClassVar[str] = "the chosen edges get the highest ranks, the others keep their order"
    paper: ClassVar[str] = "this project"

    share: Share = 0.05

    search: ClassVar[Mapping[str, tuple[Any, ...]]] = {"share": (0.25, 0.5)}

    def targets(self, seed: int, layer: int, n: int) -> NDArray[np.bool_]:
        """Mark the edges to promote in a layer, given by its place in the ranking."""
        chosen = np.zeros(n, np.bool_)
        rng = generator(seed, Purpose.CRAFT, layer=layer)
        chosen[rng.permutation(n)[: round(self.share * n)]] = True
        return chosen

    def order(self, layer: Layer, view: CraftView, rng: np.random.Generator) -> NDArray[np.int32]:
        """Move the targets behind all others."""
        order = layer.consensus()
        chosen = self.targets(view.setting.seed, layer.index, order.size)[order]
        return np.concatenate([order[~chosen], order[chosen]])
