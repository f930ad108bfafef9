"""Every attack there is, on layers of a few edges."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, combinations_with_replacement, permutations
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from frl.exchange.forms import Form
from strategies.certificates import Certificate, Honest, Parts, certify, reach
from strategies.rules import Rule, RuleContext
from strategies.rules.distance_filter import DistanceFilter
from strategies.rules.krum_position import KrumPosition
from strategies.vote import rank_by

Ints = NDArray[np.int64]


class Case(NamedTuple):
    rule: Rule
    form: Form
    votes: Ints
    previous: NDArray[np.int32]
    parts: Parts
    malicious: int
    replaced: bool

    @property
    def keep(self) -> float:
        return (self.parts.low + self.parts.high) / self.previous.size

    @property
    def values(self) -> Ints:
        ranks = np.arange(self.previous.size, dtype=np.int32)
        return np.sort(counted(self.form, ranks)).astype(np.int64)


def counted(form: Form, positions: NDArray[np.int32]) -> Ints:
    return form.votes(form.of(positions)).astype(np.int64)


def rankings(case: Case, rounds: list[Ints]) -> Ints:
    """What the rule makes of several rounds of votes: shape (rounds, n)."""
    n = case.previous.size
    separate = isinstance(case.rule, DistanceFilter | KrumPosition)
    batches = [[votes] for votes in rounds] if separate else [rounds]
    found = []
    for batch in batches:
        stack = torch.from_numpy(np.concatenate(batch, axis=1).astype(np.int32))
        context = RuleContext(
            clients=tuple(range(len(stack))),
            layers=(n,) * len(batch),
            keep=case.keep,
            previous=torch.from_numpy(np.tile(case.previous, len(batch))),
        )
        sums = case.rule.aggregate(stack, context, {}).vector.numpy().reshape(-1, n)
        found += [rank_by(row, case.previous) for row in sums]
    return np.array(found)


def in_mask(ranking: Ints, parts: Parts) -> NDArray[np.bool_]:
    return (ranking < parts.low) | (ranking >= ranking.shape[-1] - parts.high)


def attacked(case: Case) -> Iterator[Ints]:
    """The votes of the round under every attack."""
    ballots = sorted(set(permutations(case.values.tolist())))
    everyone = range(len(case.votes))
    gone = combinations(everyone, case.malicious) if case.replaced else [()]
    for missing in gone:
        left = [case.votes[client] for client in everyone if client not in missing]
        for crafted in combinations_with_replacement(ballots, case.malicious):
            yield np.array([*left, *crafted])


def worst(case: Case) -> Certificate:
    """The truth: edges that no attack ejects, and the most that one attack ejects."""
    clean = in_mask(rankings(case, [case.votes])[0], case.parts)
    inside = in_mask(rankings(case, list(attacked(case))), case.parts)
    return Certificate(
        int(clean.sum()),
        int((clean & inside.all(axis=0)).sum()),
        int((clean & ~inside).sum(axis=1).max()),
    )


def proved(case: Case) -> Certificate:
    honest = Honest(case.votes, case.values, case.previous, case.keep)
    clients = len(case.votes) + (0 if case.replaced else case.malicious)
    return certify(
        reach(case.rule, honest, case.malicious, clients),
        rankings(case, [case.votes])[0],
        case.previous,
        case.parts,
    )
