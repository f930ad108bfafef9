"""One direction pushed in every round, so that rounds add up: PoisonedFL's magnitudes.

With ``s`` a vector of signs fixed for the run, ``w_t`` the global state and ``g = w_t - w_{t-1}``,
colluders push ``k_t * s`` with ``k_t = c_t |g| v / |v|`` and ``v = |g - |g| u / |u||`` per
coordinate, ``u`` what they pushed last: where honest updates move the state much, so do theirs.
Every ``period`` rounds ``c`` is cut if the state has not moved along ``s``: if fewer signs agree
than 99 % of random vectors have.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from attacks.adversary.checks import require
from attacks.base import AttackState
from attacks.geometry.weight_space import Vector

QUANTILE = NormalDist().inv_cdf(0.99)
LEAST = 0.5


@dataclass(frozen=True)
class Magnitude:
    """How far to push, from whether the last rounds' pushes got through.

    Attributes
    ----------
    factor : float
        ``c`` at first.
    decay : float
        What ``c`` is multiplied by where the pushes do not get through, down to 0.5.
    period : int
        Rounds, of those that colluders take part in, between two tests.
    """

    factor: float
    decay: float
    period: int

    def check(self, attack: str) -> None:
        """Raise ``InputError`` naming the attack unless all are in range."""
        require(0 < self.factor < np.inf, attack, "factor", self.factor, "a number > 0")
        require(0 < self.decay <= 1, attack, "decay", self.decay, "a share above 0, to 1")
        require(self.period >= 1, attack, "period", self.period, "an integer >= 1")


class Push(NamedTuple):
    """What to push this round, and what to remember once it is sent.

    Attributes
    ----------
    change : float32 array of shape (d,)
    state : AttackState
        Without ``sent``, the change that was sent.
    """

    change: Vector
    state: AttackState


def next_push(
    position: Vector, signs: Vector, honest: Vector, state: AttackState, magnitude: Magnitude
) -> Push:
    """Choose the push of one round.

    Parameters
    ----------
    position : float32 array of shape (d,)
        Global state.
    signs : float32 array of shape (d,)
        1 and -1.
    honest : float32 array of shape (d,)
        Stands in for the last move of the global state where there is none yet.
    state : AttackState
        Of the round before, empty at first.
    magnitude : Magnitude
    """
    moved, sent = honest, np.zeros_like(honest)
    if state and (position != state["position"]).any():
        moved, sent = position - state["position"], state["sent"]
    length, pushed = np.linalg.norm(moved), np.linalg.norm(sent)
    size = np.abs(moved - sent * (length / pushed if pushed > 0 else np.float32(0)))
    total = np.linalg.norm(size)
    anchor = state["anchor"] if state else position
    rounds = int(state["rounds"]) if state else 0
    factor = float(state["factor"]) if state else magnitude.factor
    if rounds == magnitude.period:
        if not got_through(position - anchor, signs) and factor * magnitude.decay >= LEAST:
            factor *= magnitude.decay
        anchor, rounds = position, 0
    change = np.float32(factor * length / total if total > 0 else 0.0) * size * signs
    remembered = {
        "position": position,
        "anchor": anchor,
        "rounds": np.asarray(rounds + 1),
        "factor": np.asarray(factor),
    }
    return Push(change, remembered)


def got_through(moved: Vector, signs: Vector) -> bool:
    """Whether more signs agree than 99 % of random vectors have; a coordinate at rest is half one.

    Parameters
    ----------
    moved, signs : float32 arrays of shape (d,)
    """
    direction = np.sign(moved)
    agree = float(np.count_nonzero(direction == signs))
    agree += np.count_nonzero(direction == 0) / 2
    return agree > moved.size / 2 + QUANTILE * math.sqrt(moved.size) / 2
