"""How much each client counts, from what it changed, what others changed and what is remembered.

All of it happens on inner products, so it is the same for rankings and for weights.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from strategies.stack.opposition import opposition

_Judge: TypeAlias = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From weights to each client's cosine with the others, and whether there are any."""

KEPT_ROUNDS = 6
"""Rounds of which lengths and cosines are remembered: what is usual must not hang on one draw."""
RIPE_ROUNDS = 5
"""Rounds before a memory can speak against a round."""
TURNS = 5
"""How often weights and the agreement that they lead to are worked out in turn."""
DEVIATIONS = 3.0
"""How far below the others' cosines, in robust standard deviations, one must lie to be clear."""
OPPOSED = -0.1
"""Cosine with the memory below which a whole round waits."""
_FULL = 0.5
_MAD = 1.4826
_TINY = 1e-12
_HALF = 0.5 - 1e-9


class Standing(NamedTuple):
    """How much each of n clients counts in a round; all float64.

    Attributes
    ----------
    votes : Tensor
        Shape (n,), 0 to 1: uniqueness times trust, less for who opposes the others and repeats.
    shares : Tensor
        Shape (layers, n): factors of the changes that add up to the votes, each without what
        opposes the others; over the sum of votes they are the mean. A factor may be negative.
    weights : Tensor
        Shape (n,), 0 to 1: votes times the share of the squared length that opposes nobody.
    agreed : Tensor
        Shape (n,), 0 to 1: uniqueness times trust times strict support; what is to be remembered.
    support : Tensor
        Shape (n,), 0 to 1: how far its change is borne out by the others'; what records hold.
    uniqueness : Tensor
        Shape (n,), 0 to 1: how little it repeats what others changed.
    trust : Tensor
        Shape (n,), 0 to 1: as it was handed in, or 1 where nobody who is unique has any.
    cosines : Tensor
        Shape (n,): with the mean of what the others changed, weighed by what they count.
    scales : Tensor
        Shape (layers, n), 0 to 1: factor that bounds its length in each layer.
    waits : bool
        Whether the round opposes the memory, so that nobody counts.
    recent : Tensor
        Shape (m, layers + 4): what to hand in next round; lengths, likenesses, cosines.
    """

    votes: Tensor
    shares: Tensor
    weights: Tensor
    agreed: Tensor
    support: Tensor
    uniqueness: Tensor
    trust: Tensor
    cosines: Tensor
    scales: Tensor
    waits: bool
    recent: Tensor

    def reasons(self) -> tuple[str, ...]:
        """Say what took most of each client's weight.

        ``"against"``: its change opposes the others', or the round as a whole opposes the memory;
        ``"alike"``: others changed the same; ``"before"``: its earlier changes were not borne out;
        ``"silent"``: it changed nothing; ``""``: three quarters are left.
        """
        parts = (self.weights, self.uniqueness, self.trust)
        rows = zip(*(part.tolist() for part in parts), strict=True)
        return tuple(self._reason(*row) for row in rows)

    def _reason(self, weight: float, uniqueness: float, trust: float) -> str:
        if uniqueness == trust == 0:
            return "silent"
        if self.waits:
            return "against"
        if weight >= 0.75:
            return ""
        if weight <= min(uniqueness, trust) * uniqueness * trust:
            return "against"
        return "alike" if uniqueness <= trust else "before"

    def among(self, said: Tensor) -> Standing:
        """Return the same with clients that changed nothing, who count nothing.

        Parameters
        ----------
        said : Tensor
            Shape (m,), bool: which of m clients these are.
        """
        spread = {
            name: part.new_zeros(*part.shape[:-1], len(said)).masked_scatter(said, part)
            for name, part in self._asdict().items()
            if name not in ("waits", "recent")
        }
        return self._replace(**spread)


def standing(grams: Tensor, recent: Tensor | None = None, trust: Tensor | None = None) -> Standing:
    """Weigh clients by the direction of what they changed.

    Parameters
    ----------
    grams : Tensor
        Shape (layers, n + 1, n + 1), float64: inner products in each layer of the n clients'
        changes and, last, of the memory (zeros if there is none).
    recent : Tensor, optional
        What the last round returned.
    trust : Tensor, optional
        Shape (n,), 0 to 1: from the clients' records; 1 for all by default.

    Notes
    -----
    Who changed nothing has no votes and is no part of what follows: with half of a round silent
    the others would be unusually alike, and the median of what agrees with them 0.

    *Usual* is the median over this round's clients and those of the last rounds. In each layer a
    change longer than usual is scaled down to that, and lengths are counted in it, so that every
    layer weighs the same. With ``C`` the cosines of the changes:

    * uniqueness: the usual mean of ``max(0, C_ij)`` over others j over the client's own, and the
      same with squares; the smaller one, at most 1. Where 40 % of a round lie above what is usual,
      they are. Colluders that repeat each other share about one vote.
    * strict support: the median of ``C_ij`` over other clients j, weighed by what they count, over
      half the usual one, between 0 and 1; in turn with the weights that it leads to. Then, from
      those weights on, the same with the cosine with the others' weighted mean, which is far less
      noisy than any pair's. The median comes first since a minority cannot speak for itself there;
      where it bears nobody out, the means begin with uniqueness and trust.
    * support: as the strict one, but falling to 0 at ``DEVIATIONS`` robust standard deviations
      below the cosines' median, both weighed by what clients count under the strict one, where that
      is below 0. Honest changes that are unlike each other are no opposition.

    A client has uniqueness times trust votes. If its change opposes the mean of the others, it has
    all of them with a uniqueness of 0.6 or more, and none from one of 0.5 down: who opposes alone
    may hold data that nobody else has, who opposes in company does not. What of a change opposes
    what the others agree on is taken out of it; see :func:`strategies.stack.opposition.opposition`.

    Where the mean of all changes, weighed by uniqueness and trust, opposes a memory of
    ``RIPE_ROUNDS`` or more, nobody counts: one of the two was captured, and waiting costs a round.
    """
    n, depth = grams.shape[1] - 1, len(grams)
    past = grams.new_empty(0, depth + 4) if recent is None else recent
    trusted = grams.new_ones(n) if trust is None else trust
    said = (grams.diagonal(dim1=1, dim2=2)[:, :n] > 0).any(dim=0)
    if said.all():
        return _standing(grams, past, trusted)
    rows = torch.cat([said, said.new_ones(1)])
    heard = grams[:, rows][:, :, rows]
    return (_standing(heard, past, trusted[said]) if said.any() else _nobody(heard, past)).among(
        said
    )


def _nobody(grams: Tensor, past: Tensor) -> Standing:
    """Return the standing of no clients at all."""
    none, layers = grams.new_empty(0), grams.new_empty(len(grams), 0)
    return Standing(none, layers, none, none, none, none, none, none, layers, False, past)


def _standing(grams: Tensor, past: Tensor, trusted: Tensor) -> Standing:
    """Weigh clients all of whom changed something."""
    n, depth = grams.shape[1] - 1, len(grams)
    lengths = grams.diagonal(dim1=1, dim2=2)[:, :n].clamp(min=0).sqrt()
    usual = _usual(lengths, past[:, :depth].T)
    scales = torch.where(lengths > usual[:, None], usual[:, None] / lengths, 1.0)
    product = _in_units(grams, scales, usual)
    cosines = _cosines(product)[:n, :n]
    alike = cosines.clone().fill_diagonal_(0).clamp(0, 1)
    mean, square = alike.mean(dim=1), alike.square().mean(dim=1)
    uniqueness = torch.minimum(_below(mean, past[:, -4]), _below(square, past[:, -3]))
    if not (trusted * uniqueness).any():
        trusted = torch.ones_like(uniqueness)
    voices = uniqueness * trusted
    found = _agreement(cosines, voices, past[:, -2:])
    support = _relaxed(found)
    waits = len(past) >= RIPE_ROUNDS * n and _cosine_with_last(product, voices) < OPPOSED
    votes = _votes(found, voices, uniqueness)
    if waits:
        votes = torch.zeros_like(votes)
    bounded = grams[:, :n, :n] * scales[:, :, None] * scales[:, None, :]
    factors, opposed = opposition(bounded, found.weights)
    now = torch.cat([lengths.T, torch.stack([mean, square, found.median, found.cosine], 1)], dim=1)
    return Standing(
        votes=votes,
        shares=(votes + votes @ factors) * scales,
        weights=votes * (1 - opposed),
        agreed=found.weights,
        support=support,
        uniqueness=uniqueness,
        trust=trusted,
        cosines=found.cosine,
        scales=scales,
        waits=waits,
        recent=torch.cat([past, now])[-KEPT_ROUNDS * n :],
    )


class _Agreement(NamedTuple):
    """What clients agree on; each of shape (n,) but ``full``, a number."""

    weights: Tensor
    support: Tensor
    median: Tensor
    cosine: Tensor
    full: Tensor


def _agreement(cosines: Tensor, voices: Tensor, past: Tensor) -> _Agreement:
    """Work out strict support and weights in turn: by medians, then by means."""
    by_median = _settled(partial(_weighted_median, cosines), voices, voices, past[:, 0])
    begin = by_median.weights if by_median.weights.any() else voices
    by_mean = _settled(partial(_cosine_with_others, cosines), voices, begin, past[:, 1])
    return by_mean._replace(median=by_median.median)


def _settled(judge: _Judge, voices: Tensor, weights: Tensor, past: Tensor) -> _Agreement:
    """Judge clients by weights, and weigh them by what that says, ``TURNS`` times."""
    support = cosine = full = voices
    for _ in range(TURNS):
        cosine, heard = judge(weights)
        full = _full(cosine, past)
        support = torch.where(heard, (cosine / full).clamp(0, 1), 1.0)
        weights = support * voices
        if not weights.any():
            break
    return _Agreement(weights, support, cosine, cosine, full)


def _relaxed(found: _Agreement) -> Tensor:
    """Let support fall to 0 only where a cosine is clearly below the others'."""
    if len(found.weights) == 1 or not found.weights.any():
        return found.support
    centre = _median_of(found.cosine, found.weights)
    spread = _MAD * _median_of((found.cosine - centre).abs(), found.weights)
    low = (centre - DEVIATIONS * spread).clamp(max=0)
    high = torch.minimum(found.full, centre)
    return ((found.cosine - low) / (high - low).clamp(min=_TINY)).clamp(0, 1)


def _votes(found: _Agreement, voices: Tensor, uniqueness: Tensor) -> Tensor:
    """Take votes from who opposes the others' mean in company; all if nobody is borne out."""
    if not found.weights.any():
        return torch.zeros_like(voices)
    alone = torch.where(found.cosine < 0, (10 * uniqueness - 5).clamp(0, 1), 1.0)
    return alone * voices


def _in_units(grams: Tensor, scales: Tensor, usual: Tensor) -> Tensor:
    """Bound lengths, count them in usual ones, and add up the layers: shape (n + 1, n + 1)."""
    factors = torch.cat([scales, scales.new_ones(len(scales), 1)], dim=1)
    squares = usual.square()
    units = torch.where(squares > 0, 1 / squares, 0.0) / len(grams)
    return (grams * factors[:, :, None] * factors[:, None, :] * units[:, None, None]).sum(dim=0)


def _cosines(product: Tensor) -> Tensor:
    norms = product.diagonal().clamp(min=0).sqrt()
    return _ratio(product, norms[:, None] * norms[None, :])


def _cosine_with_others(cosines: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Compare each direction with the others' weighted mean; also say which rows have any."""
    shares = weights.expand_as(cosines).clone().fill_diagonal_(0)
    along = (shares * cosines).sum(dim=1)
    lengths = ((shares @ cosines) * shares).sum(dim=1).clamp(min=0).sqrt()
    return _ratio(along, lengths), shares.sum(dim=1) > _TINY


def _cosine_with_last(product: Tensor, weights: Tensor) -> float:
    """Compare the weighted sum of all rows but the last with the last."""
    along = weights @ product[:-1, -1]
    squares = (weights @ product[:-1, :-1] @ weights) * product[-1, -1]
    return float(_ratio(along, squares.clamp(min=0).sqrt()))


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
    return (_FULL * _usual(cosines, past)).clamp(min=_TINY)


def _below(values: Tensor, past: Tensor) -> Tensor:
    """Return what is usual over each value, at most 1."""
    usual = torch.maximum(_usual(values, past), values.quantile(0.4))
    return _ratio(usual.expand_as(values), values, otherwise=1.0).clamp(max=1)


def _usual(values: Tensor, past: Tensor) -> Tensor:
    """Return the lower median of values and past ones along the last dimension."""
    return torch.cat([past, values], dim=-1).median(dim=-1).values


def _ratio(part: Tensor, whole: Tensor, otherwise: float = 0.0) -> Tensor:
    return torch.where(whole > _TINY, part / whole.clamp(min=_TINY), otherwise)
