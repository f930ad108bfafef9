"""The record of a vote: movement of the mask, agreement of voters, and margins of its edges.

All of it comes from the sums of the vote and the rankings before and after it, in a few passes over
the edges: the ballots themselves are gone by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attacks.base import Setting
from frl.exchange.forms import Form
from frl.ranking import Ranking
from strategies.vote import Vote

BINS = 100
"""Of a histogram of margins, which reach from -1 to 1."""


class VoteRecord(NamedTuple):
    """One round of votes, by layer.

    Attributes
    ----------
    churn : dict
        Share of the mask's edges that were not in it before the round.
    agreement : dict or None
        Kendall's W of the voters, 0 for none to 1 for full agreement; ``None`` where the sums of
        the vote are not known.
    margins : dict or None
        Number of edges by margin, in ``BINS`` bins from -1 to 1: how far the sum of an edge is
        from that at the edge of the mask, positive inside, over the most that all voters together
        can move it.
    """

    churn: dict[str, float]
    agreement: dict[str, float] | None
    margins: dict[str, list[int]] | None


class VoteRecorder:
    """Describes the votes of a run.

    Parameters
    ----------
    setting : Setting
        Says which ranks are in the mask.
    form : Form
        What clients send of their rankings.
    layers : mapping of layer name to int
        Number of edges.
    """

    def __init__(self, setting: Setting, form: Form, layers: Mapping[str, int]) -> None:
        self._bounds = {name: setting.mask_bounds(name, n) for name, n in layers.items()}
        ballots = {name: _ballot(form, n) for name, n in layers.items()}
        self._variance = {name: _variance(ballot) for name, ballot in ballots.items()}
        self._range = {name: int(np.ptp(ballot)) for name, ballot in ballots.items()}

    def __call__(
        self, before: Ranking, after: Ranking, vote: Vote | None, *, full: bool
    ) -> VoteRecord:
        """Describe the vote of a round.

        Parameters
        ----------
        before, after : Ranking
            The global ranking that the round began and ended with.
        vote : Vote or None
            ``None`` for a rule that adds nothing up.
        full : bool
            Whether to count margins too.
        """
        bounds = self._bounds
        churn = {name: _churn(before[name], after[name], bounds[name]) for name in after}
        if vote is None or not vote.count:
            return VoteRecord(churn, None, None)
        agreement = {
            name: concordance(sums, vote.count, self._variance[name])
            for name, sums in vote.sums.items()
        }
        margins = {
            name: _histogram(
                margin(sums, after[name], bounds[name]), vote.count * self._range[name]
            )
            for name, sums in vote.sums.items()
            if full and bounds[name]
        }
        return VoteRecord(churn, agreement, margins or None)


def concordance(sums: NDArray[Any], voters: int, variance: float) -> float:
    """Return Kendall's coefficient of concordance W of ballots with the same values.

    ``W = Var(sums) / (m² Var(ballot))``: the variance of the sums of ``m`` ballots over what it
    would be if all were equal. For rankings of ``n`` edges this is ``12 S / (m² (n³ - n))`` with
    ``S`` the squared deviations of the sums (Kendall and Babington Smith, 1939).

    Parameters
    ----------
    sums : integer array of shape (n,)
    voters : int
    variance : float
        Of one ballot.
    """
    return round(_variance(sums) / (voters**2 * variance), 6) if variance else 1.0


def margin(
    sums: NDArray[Any], ranks: NDArray[np.int32], bounds: tuple[int, ...]
) -> NDArray[np.int64]:
    """Return how far the sum of each edge is inside the mask, negative outside.

    Parameters
    ----------
    sums : integer array of shape (n,)
        Of a vote.
    ranks : int32 array of shape (n,)
        Positions that the vote led to.
    bounds : tuple of int
        Ranks at which an edge enters the mask (the last), or leaves it (the one before).
    """
    place = {int(bound): int(np.flatnonzero(ranks == bound)[0]) for bound in bounds}
    inside = sums.astype(np.int64) - int(sums[place[bounds[-1]]])
    for bound in bounds[:-1]:
        inside = np.maximum(inside, int(sums[place[bound]]) - sums)
    return inside


def _churn(before: NDArray[np.int32], after: NDArray[np.int32], bounds: tuple[int, ...]) -> float:
    old, new = _mask(before, bounds), _mask(after, bounds)
    return round(int(np.count_nonzero(new & ~old)) / max(1, int(np.count_nonzero(new))), 6)


def _mask(ranks: NDArray[np.int32], bounds: tuple[int, ...]) -> NDArray[np.bool_]:
    if not bounds:
        return np.ones(ranks.size, dtype=np.bool_)
    inside: NDArray[np.bool_] = ranks >= bounds[-1]
    for bound in bounds[:-1]:
        inside |= ranks < bound
    return inside


def _variance(values: NDArray[Any]) -> float:
    deviations = values.astype(np.float64)
    deviations -= deviations.mean()
    return float(deviations @ deviations) / values.size


def _histogram(margins: NDArray[np.int64], most: int) -> list[int]:
    bins = (margins + most) * BINS // (2 * max(1, most))
    counts: list[int] = np.bincount(bins.clip(0, BINS - 1), minlength=BINS).tolist()
    return counts


def _ballot(form: Form, n: int) -> NDArray[Any]:
    return form.votes(form.of(np.arange(n, dtype=np.int32)))
