"""The malicious part of a population of clients, drawn from the seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from frl.errors import InputError
from frl.randomness import Purpose, generator

Sampling: TypeAlias = Literal["uniform", "fixed_count"]


@dataclass(frozen=True, eq=False)
class Population:
    """The malicious clients of a run.

    Attributes
    ----------
    seed : int
    members : int64 array or None
        Their ids, ascending; ``None`` if they are drawn anew each round.
    per_round : int or None
        How many of a round's clients are malicious, if they are drawn anew each round.
    start : int
        Round of their first attack; before it they behave like honest clients.
    every : int
        Rounds from one attack to the next; in those between they behave.

    Raises
    ------
    InputError
        If ``start`` or ``every`` is below 1.
    """

    seed: int
    members: NDArray[np.int64] | None
    per_round: int | None
    start: int = 1
    every: int = 1

    def __post_init__(self) -> None:
        for key, value in (("start", self.start), ("every", self.every)):
            if value < 1:
                raise InputError(f"attack.{key}: got {value!r}; takes 1 or more")

    @property
    def count(self) -> int:
        """How many are malicious: of all clients, or of those of a round if drawn anew."""
        return (self.per_round or 0) if self.members is None else len(self.members)

    def attackers(self, round: int, clients: Sequence[int]) -> frozenset[int]:
        """Return those of :meth:`among` if they attack in that round, and nobody if they behave."""
        attacks = round >= self.start and (round - self.start) % self.every == 0
        return self.among(round, clients) if attacks else frozenset()

    def among(self, round: int, clients: Sequence[int]) -> frozenset[int]:
        """Return the malicious ones of the clients sampled in a round.

        Parameters
        ----------
        round : int
        clients : sequence of int
            Ids, in any order.
        """
        sampled = np.unique(np.asarray(clients, dtype=np.int64))
        if self.members is not None:
            found = sampled[_within(self.members, sampled)]
        else:
            rng = generator(self.seed, Purpose.MALICIOUS, round=round)
            found = rng.permutation(sampled)[: self.per_round]
        return frozenset(found.tolist())

    def others(self, round: int, clients: Sequence[int], number: int) -> list[int]:
        """Draw up to ``number`` malicious clients that were not sampled in a round; ascending ids.

        Raises
        ------
        InputError
            If malicious clients are drawn anew each round: there are no others.
        """
        if self.members is None:
            raise InputError(
                "attack.colluders 'all' needs attack.sampling 'uniform': with 'fixed_count' "
                "no client outside the round is malicious"
            )
        sampled = np.unique(np.asarray(clients, dtype=np.int64))
        rest = self.members[~_within(sampled, self.members)]
        rng = generator(self.seed, Purpose.MALICIOUS, round=round, client=1)
        return sorted(rng.permutation(rest)[: max(0, number)].tolist())


def nearest(fraction: float, clients: int) -> int:
    """Return the whole number nearest to a share of so many clients; a half goes up."""
    return int(round(fraction * clients, 9) + 0.5)


def malicious_clients(
    seed: int,
    clients: int,
    fraction: float,
    sampling: Sampling,
    clients_per_round: int,
    *,
    start: int = 1,
    every: int = 1,
) -> Population:
    """Draw the malicious clients of a run.

    Parameters
    ----------
    seed : int
        Of the run.
    clients : int
        Number of clients; ids are ``0 .. clients - 1``.
    fraction : float
        Share that is malicious, 0 to 1.
    sampling : {"uniform", "fixed_count"}
        ``"uniform"``: ``nearest(fraction, clients)`` fixed clients, so the number in a round
        varies. ``"fixed_count"``: exactly ``nearest(fraction, clients_per_round)`` of each round's
        clients, others every time.
    clients_per_round : int
    start, every : int
        Round of the first attack, and rounds from one attack to the next. Who attacks only after a
        while, or now and then, is borne out by the rounds in which it behaves.

    Raises
    ------
    InputError
        If the fraction is not a share, the sampling is unknown, or ``start`` or ``every`` is below
        1.
    """
    if not 0 <= fraction <= 1:
        raise InputError(f"attack.fraction: got {fraction!r}; takes a share from 0 to 1")
    if sampling == "fixed_count":
        return Population(seed, None, nearest(fraction, clients_per_round), start, every)
    if sampling != "uniform":
        raise InputError(f"attack.sampling: got {sampling!r}; takes 'uniform' or 'fixed_count'")
    rng = generator(seed, Purpose.MALICIOUS)
    members = rng.permutation(clients)[: nearest(fraction, clients)]
    return Population(seed, np.sort(members).astype(np.int64), None, start, every)


def _within(members: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the ids that are among ascending members."""
    if not members.size:
        return np.zeros(ids.shape, np.bool_)
    place = np.minimum(np.searchsorted(members, ids), members.size - 1)
    found: NDArray[np.bool_] = members[place] == ids
    return found
