"""Registers an attack when it is imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import attacks
from attacks import Attack, TamperView


@attacks.register("outside_flip")
@dataclass(frozen=True)
class OutsideFlip(Attack):
    """Turn the ranking of every layer round, from its own update alone."""

    layers: int = 100

    space = "ranks"
    formula = "reverse of the own ranking"
    paper = "this project"

    def tamper(self, update: Any, view: TamperView, rng: np.random.Generator) -> Any:
        return {
            name: ranks.size - 1 - ranks if place < self.layers else ranks
            for place, (name, ranks) in enumerate(update.items())
        }
