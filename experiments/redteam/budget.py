"""A budget of runs, and how successive halving spends it."""

from __future__ import annotations

import math
from typing import NamedTuple

from frl.errors import InputError

_SHORT = 3
"""A short run has a third of the rounds."""


class Budget(NamedTuple):
    """How many runs under attack each stage has.

    Attributes
    ----------
    short : int
        Short runs, all of one seed, an attack with its parameters each.
    long : int
        The worst of those, at full length.
    seeds : int
        Seeds of the worst of those; the first is the one that is there already.
    last : int
        Attacks that are run with every seed.
    """

    short: int
    long: int
    seeds: int
    last: int

    @property
    def runs(self) -> int:
        """Runs under attack in all."""
        return self.short + self.long + self.last * (self.seeds - 1)

    @classmethod
    def of(cls, runs: int, seeds: int) -> Budget:
        """Divide a number of runs: about a sixteenth of it ends with every seed.

        Raises
        ------
        InputError
            If it is too small for every stage to have a run.
        """
        if seeds < 1:
            raise InputError(f"--seeds: got {seeds}; takes 1 or more")
        last = max(1, runs // 16)
        long = max(last, runs // 6)
        short = runs - long - last * (seeds - 1)
        if short < long:
            least = next(n for n in range(runs, 100 * seeds) if _enough(n, seeds))
            raise InputError(f"--budget: got {runs}; takes {least} or more with {seeds} seeds")
        return cls(short, long, seeds, last)


def _enough(runs: int, seeds: int) -> bool:
    last = max(1, runs // 16)
    long = max(last, runs // 6)
    return runs - long - last * (seeds - 1) >= long


def short_rounds(rounds: int) -> int:
    """Return the rounds of a short run."""
    return math.ceil(rounds / _SHORT)
