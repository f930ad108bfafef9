"""Random rankings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks import register
from attacks.base import Attack, Crafted, CraftView, Knowledge, Space, Update


@register("random_ranking")
@dataclass(frozen=True)
class RandomRanking(Attack):
    """Colluders vote for a random ranking, the same one if they agree on it.

    Threat model: knows nothing but the shapes. One agreed random vote adds up over colluders,
    where independent ones partly cancel. Formula: ``positions`` is a random permutation.

    Parameters
    ----------
    agree : bool
        Whether all colluders of a round send the same ranking.
    """

    space: ClassVar[Space] = "ranks"
    knowledge: ClassVar[Knowledge] = Knowledge.OWN
    formula: ClassVar[str] = "positions = a random permutation"
    paper: ClassVar[str] = "this project"

    agree: bool = True

    def craft(self, view: CraftView, count: int, rng: np.random.Generator) -> Crafted:
        """Draw one ranking, or one for each colluder."""
        if self.agree:
            return Crafted([_random(view.previous, rng)] * count, view.state)
        return Crafted([_random(view.previous, rng) for _ in range(count)], view.state)


def _random(like: Update, rng: np.random.Generator) -> Update:
    return {
        name: rng.permutation(np.arange(positions.size, dtype=np.int32))
        for name, positions in like.items()
    }
