"""The task of one client: its round, its id and the seed of the run."""

from __future__ import annotations

from typing import NamedTuple


class Task(NamedTuple):
    """One client's training in one round; with the seed it fixes all randomness.

    Attributes
    ----------
    round : int
        From 1.
    client : int
        From 0.
    seed : int
        Of the run.
    """

    round: int
    client: int
    seed: int
