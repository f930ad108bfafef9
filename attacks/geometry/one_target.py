"""A controller of the strength with which one target is pushed for all rounds.

PoisonedFL's test. Colluders push with a factor; every ``period`` rounds that they take part in it
is cut if the global state has not moved towards the target in that time: if fewer signs agree than
99 % of random vectors have.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from attacks.base import AttackState
from attacks.geometry.weight_space import Vector

QUANTILE = NormalDist().inv_cdf(0.99)
LEAST = 0.5


@dataclass(frozen=True)
class Effort:
    """A factor, and how it is cut.

    Attributes
    ----------
    factor : float
        At first.
    decay : float
        What the factor is multiplied by where a test fails, as long as it stays 0.5 or more.
    period : int
        Rounds between two tests.
    """

    factor: float
    decay: float
    period: int

    def adapted(self, position: Vector, target: Vector, state: AttackState) -> AttackState:
        """Return the factor of this round, and what the next test compares with.

        Parameters
        ----------
        position : float32 array of shape (d,)
            Global state of this round.
        target : float32 array of shape (d,)
            Where to push from the state at the last test; only signs count, and where all are 0 the
            test is passed.
        state : AttackState
            What this returned in the colluders' last round, among others; empty at first.

        Returns
        -------
        AttackState
            ``factor``, ``anchor`` (the state at the last test) and ``rounds`` since then.
        """
        if not state:
            return _remembered(self.factor, position, 1)
        factor, rounds = float(state["factor"]), int(state["rounds"])
        if rounds < self.period:
            return _remembered(factor, state["anchor"], rounds + 1)
        passed = got_through(position - state["anchor"], np.sign(target)) or not target.any()
        if not passed and factor * self.decay >= LEAST:
            factor *= self.decay
        return _remembered(factor, position, 1)


def got_through(moved: Vector, signs: Vector) -> bool:
    """Whether more signs agree than 99 % of random vectors have; a coordinate at rest is half one.

    Parameters
    ----------
    moved, signs : float32 arrays of shape (d,)
    """
    direction = np.sign(moved)
    agree = float(np.count_nonzero(direction * signs > 0)) + np.count_nonzero(direction == 0) / 2
    return bool(agree > moved.size / 2 + QUANTILE * math.sqrt(moved.size) / 2)


def _remembered(factor: float, anchor: Vector, rounds: int) -> AttackState:
    return {"factor": np.asarray(factor), "anchor": anchor, "rounds": np.asarray(rounds)}
