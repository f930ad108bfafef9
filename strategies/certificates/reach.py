"""The reach of malicious votes under each rule on rankings.

:func:`reach` is open: a rule in a new file registers its own with ``@reach.register``; one that has
none gets the trivial certificate.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from frl.ranking import kept_edges
from strategies.certificates.honest import Honest, Weigh
from strategies.certificates.mask import Reach, Sums
from strategies.rules import Rule
from strategies.rules.approval import Approval
from strategies.rules.clipped_shift import ClippedShift
from strategies.rules.distance_filter import DistanceFilter
from strategies.rules.krum_position import KrumPosition
from strategies.rules.median_position import MedianPosition
from strategies.rules.sum import Sum
from strategies.rules.trimmed_position import TrimmedPosition
from strategies.stack.order import middle


@singledispatch
def reach(rule: Rule, honest: Honest, malicious: int, clients: int) -> Reach | None:
    """Say what malicious votes can make of the sums of a layer.

    Parameters
    ----------
    rule : Rule
    honest : Honest
        The honest votes that are known.
    malicious : int
        M, the malicious votes that the rule gets.
    clients : int
        N, all votes that the rule gets: ``honest.clients + malicious`` where malicious votes are
        added, ``honest.clients`` where they replace honest ones, any of them.

    Returns
    -------
    Reach or None
        ``None`` where nothing is proved of the rule.
    """
    return None


@reach.register
def _(rule: Sum, honest: Honest, malicious: int, clients: int) -> Reach | None:
    return _kept_sum(honest, malicious, clients)


@reach.register
def _(rule: DistanceFilter, honest: Honest, malicious: int, clients: int) -> Reach | None:
    return _kept_sum(honest, malicious, clients - rule.f)


@reach.register
def _(rule: KrumPosition, honest: Honest, malicious: int, clients: int) -> Reach | None:
    return _kept_sum(honest, malicious, rule.select or clients - rule.f - 2)


@reach.register
def _(rule: Approval, honest: Honest, malicious: int, clients: int) -> Reach | None:
    n = honest.previous.size
    least = n - kept_edges(n, honest.keep if rule.keep is None else rule.keep)
    return _kept_sum(honest, malicious, clients, lambda votes: votes >= least)


@reach.register
def _(rule: MedianPosition, honest: Honest, malicious: int, clients: int) -> Reach | None:
    low, high = middle(clients)
    return _between(
        honest,
        malicious,
        clients,
        lambda shift: (
            honest.places(low + shift, low + shift + 1)
            + honest.places(high + shift, high + shift + 1)
        ),
    )


@reach.register
def _(rule: TrimmedPosition, honest: Honest, malicious: int, clients: int) -> Reach | None:
    return _between(
        honest,
        malicious,
        clients,
        lambda shift: honest.places(rule.f + shift, clients - rule.f + shift),
    )


@reach.register
def _(rule: ClippedShift, honest: Honest, malicious: int, clients: int) -> Reach | None:
    origin = honest.previous
    limit = max(1, int(rule.tau * origin.size))
    low, high = origin - limit, origin + limit
    dropped = honest.clients - (clients - malicious)
    raised, lowered = honest.without(dropped, lambda votes: np.clip(votes, low, high))
    return Reach(
        raised + malicious * _whole(np.clip(honest.values[-1], low, high)),
        lowered + malicious * _whole(np.clip(honest.values[0], low, high)),
        honest.values,
        0,
    )


def _kept_sum(honest: Honest, malicious: int, kept: int, weigh: Weigh | None = None) -> Reach:
    """Sum of ``kept`` votes, all malicious ones among them and any of the honest ones."""
    counted = min(malicious, kept)
    dropped = honest.clients - (kept - counted)
    if weigh is None:
        return Reach(*honest.without(dropped), honest.values, counted)
    return Reach(*honest.without(dropped, weigh), _whole(weigh(honest.values)), counted)


def _between(
    honest: Honest, malicious: int, clients: int, statistic: Callable[[int], Sums]
) -> Reach:
    """Order statistics with all malicious votes above or below, and honest ones gone there."""
    dropped = honest.clients - (clients - malicious)
    return Reach(statistic(dropped), statistic(-malicious), honest.values, 0)


def _whole(values: NDArray[np.generic]) -> Sums:
    return values.astype(np.int64)
