"""What clients agree on, from the cosines of what they changed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

_Judge: TypeAlias = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From weights to each client's cosine with the others, and whether there are any."""

TURNS = 5
"""How often weights and the agreement that they lead to are worked out in turn."""
DEVIATIONS = 3.0
"""How far below the others' cosines, in robust standard deviations, one must lie to be clear."""
_FULL = 0.5
_MAD = 1.4826
_TINY = 1e-12
_HALF = 0.5 - 1e-9


class Agreement(NamedTuple):
    """What n clients agree on; of shape (n,) but for ``full``.

    Attributes
    ----------
    weights : Tensor
        0 to 1: voices times strict support.
    support : Tensor
        0 to 1: strict support, the cosine over what is supported in full.
    median : Tensor
        Of the cosines with the others.
    cosine : Tensor
        With the weighted mean of the others.
    full : Tensor
        A number: the cosine that is supported in full.
    """

    weights: Tensor
    support: Tensor
    median: Tensor
    cosine: Tensor
    full: Tensor


def agreement(cosines: Tensor, voices: Tensor, past: Tensor) -> Agreement:
    """Work out strict support and weights in turn: by medians, then by means.

    Parameters
    ----------
    cosines : Tensor
        Shape (n, n), of the changes.
    voices : Tensor
        Shape (n,): what each counts before it is judged.
    past : Tensor
        Shape (m, 2): the medians and the cosines of the last rounds.
    """
    by_median = _settled(partial(_weighted_median, cosines), voices, voices, past[:, 0])
    begin = by_median.weights if by_median.weights.any() else voices
    by_mean = _settled(partial(_cosine_with_others, cosines), voices, begin, past[:, 1])
    return by_mean._replace(median=by_median.median)


def _settled(judge: _Judge, voices: Tensor, weights: Tensor, past: Tensor) -> Agreement:
    """Judge clients by weights, and weigh them by what that says, ``TURNS`` times."""
    support = cosine = full = voices
    for _ in range(TURNS):
        cosine, heard = judge(weights)
        full = _full(cosine, past)
        support = torch.where(heard, (cosine / full).clamp(0, 1), 1.0)
        weights = support * voices
        if not weights.any():
            break
    return Agreement(weights, support, cosine, cosine, full)


def relaxed(found: Agreement) -> Tensor:
    """Return support that falls to 0 only where a cosine is clearly below the others'."""
    if len(found.weights) == 1 or not found.weights.any():
        return found.support
    centre = _median_of(found.cosine, found.weights)
    spread = _MAD * _median_of((found.cosine - centre).abs(), found.weights)
    low = (centre - DEVIATIONS * spread).clamp(max=0)
    high = torch.minimum(found.full, centre)
    return ((found.cosine - low) / (high - low).clamp(min=_TINY)).clamp(0, 1)


def _cosine_with_others(cosines: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Compare each direction with the others' weighted mean; also say which rows have any."""
    shares = weights.expand_as(cosines).clone().fill_diagonal_(0)
    along = (shares * cosines).sum(dim=1)
    lengths = ((shares @ cosines) * shares).sum(dim=1).clamp(min=0).sqrt()
    return ratio(along, lengths), shares.sum(dim=1) > _TINY


def _weighted_median(cosines: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Take each row's lower median under the others' weights; also say which rows have any."""
    voices = weights.expand_as(cosines).clone().fill_diagonal_(0)
    ordered, order = cosines.sort(dim=1, stable=True)
    heard = voices.gather(1, order).cumsum(dim=1)
    total = heard[:, -1:]
    place = (heard < total * _HALF).sum(dim=1, keepdim=True)
    return ordered.gather(1, place)[:, 0], total[:, 0] > _TINY


def _median_of(values: Tensor, weights: Tensor) -> Tensor:
    """Take the lower median of values under weights."""
    ordered, order = values.sort(stable=True)
    heard = weights[order].cumsum(dim=0)
    return ordered[int((heard < heard[-1] * _HALF).sum())]


def _full(cosines: Tensor, past: Tensor) -> Tensor:
    """Return the cosine that is supported in full: half the usual one, if that is above 0."""
    return (_FULL * usual_of(cosines, past)).clamp(min=_TINY)


def usual_of(values: Tensor, past: Tensor) -> Tensor:
    """Return the lower median of values and past ones along the last dimension."""
    return torch.cat([past, values], dim=-1).median(dim=-1).values


def ratio(part: Tensor, whole: Tensor, otherwise: float = 0.0) -> Tensor:
    """Divide, where there is anything to divide by."""
    return torch.where(whole > _TINY, part / whole.clamp(min=_TINY), otherwise)
