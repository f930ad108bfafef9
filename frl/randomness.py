"""Every random number of a run, keyed by (seed, purpose, round, client).

No generator is ever shared or advanced across clients, rounds or processes, so the order in which
work is done cannot change a result.
"""

from __future__ import annotations

from enum import IntEnum, unique

import numpy as np


@unique
class Purpose(IntEnum):
    """Purposes of streams of random numbers; their values are part of the run's definition."""

    WEIGHTS = 1
    SCORES = 2
    PARTITION = 3
    SAMPLING = 4
    SHUFFLE = 5
    AUGMENT = 6
    MALICIOUS = 7
    POISON = 8
    TAMPER = 9
    CRAFT = 10
    RULE = 11
    QUANTISE = 12
    ROOT = 13
    FORWARD = 14
    EVALUATION = 15
    CHOOSE = 16


def generator(
    seed: int, purpose: Purpose, *, round: int = 0, client: int = 0, layer: int = 0
) -> np.random.Generator:
    """Return the generator of one purpose in one place of a run.

    Parameters
    ----------
    seed : int
        Seed of the run, not negative.
    purpose : Purpose
        What the numbers are for.
    round, client, layer : int
        Where they are used; 0 where it does not apply.
    """
    key = np.random.SeedSequence((seed, int(purpose), round, client, layer))
    return np.random.Generator(np.random.PCG64(key))
