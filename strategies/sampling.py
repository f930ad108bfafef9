"""Groups and sampling of clients from the seed and the round, never from node ids."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from frl.errors import InputError
from frl.randomness import Purpose, generator

_MOST_DRAWS = 10_000


def group_of_clients(seed: int, clients: int, groups: int, group: int) -> NDArray[np.int64]:
    """Return one of the disjoint groups that clients are dealt into at random.

    Each client is in one group, and groups differ in size by at most one. Nothing that a client
    does changes the group of another one.

    Parameters
    ----------
    seed : int
    clients : int
        Population; clients are ``0 .. clients - 1``.
    groups : int
        At least 1.
    group : int
        Which, from 0.

    Returns
    -------
    int64 array, ascending
    """
    # Round 0: the other choices of this purpose are of a round.
    return np.sort(generator(seed, Purpose.CHOOSE).permutation(clients)[group::groups])


def sample_clients(
    seed: int,
    round: int,
    clients: int | NDArray[np.int64],
    per_round: int,
    *,
    redraw: Callable[[NDArray[np.int64]], bool] | None = None,
) -> NDArray[np.int64]:
    """Draw the clients of one round, uniformly without replacement, in O(per_round).

    Parameters
    ----------
    seed, round : int
    clients : int or int64 array
        Population: clients are ``0 .. clients - 1``, or those of the array.
    per_round : int
    redraw : callable, optional
        Says whether a draw is to be thrown away, e.g. because malicious clients have the majority
        in it (the protocol of the authors' experiments; results are then conditional on that).

    Returns
    -------
    int64 array of shape (per_round,), ascending

    Raises
    ------
    InputError
        If every one of many draws was thrown away.
    """
    rng = generator(seed, Purpose.SAMPLING, round=round)
    for _ in range(_MOST_DRAWS):
        drawn = np.sort(rng.choice(clients, size=per_round, replace=False, shuffle=False))
        if redraw is None or not redraw(drawn):
            return drawn
    raise InputError(f"every one of {_MOST_DRAWS} draws of round {round} was to be drawn again")
