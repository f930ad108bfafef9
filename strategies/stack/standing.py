"""How much each client counts, from what it changed, what others changed and what is remembered.

All of it happens on inner products, so it is the same for rankings and for weights.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from strategies.stack.agreement import Agreement, agreement, ratio, relaxed, usual_of
from strategies.stack.opposition import opposition

KEPT_ROUNDS = 6
"""Rounds of which lengths and cosines are remembered: what is usual must not hang on one draw."""
RIPE_ROUNDS = 5
"""Rounds before a memory can speak against a round."""
OPPOSED = -0.1
"""Cosine with the memory below which a whole round waits."""


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
    rows = torch.cat([said, said.new_ones(1)])
    heard = grams[:, rows][:, :, rows]
    judged = _standing(heard, past, trusted[said]) if said.any() else _nobody(heard, past)
    return judged.among(said)


def _nobody(grams: Tensor, past: Tensor) -> Standing:
    """Return the standing of no clients at all."""
    none, layers = grams.new_empty(0), grams.new_empty(len(grams), 0)
    return Standing(none, layers, none, none, none, none, none, none, layers, False, past)


def _standing(grams: Tensor, past: Tensor, trusted: Tensor) -> Standing:
    """Weigh clients all of whom changed something."""
    n, depth = grams.shape[1] - 1, len(grams)
    lengths = grams.diagonal(dim1=1, dim2=2)[:, :n].clamp(min=0).sqrt()
    usual = usual_of(lengths, past[:, :depth].T)
    scales = torch.where(lengths > usual[:, None], usual[:, None] / lengths, 1.0)
    product = _in_units(grams, scales, usual)
    cosines = _cosines(product)[:n, :n]
    alike = cosines.clone().fill_diagonal_(0).clamp(0, 1)
    mean, square = alike.mean(dim=1), alike.square().mean(dim=1)
    uniqueness = torch.minimum(_below(mean, past[:, -4]), _below(square, past[:, -3]))
    if not (trusted * uniqueness).any():
        trusted = torch.ones_like(uniqueness)
    voices = uniqueness * trusted
    found = agreement(cosines, voices, past[:, -2:])
    support = relaxed(found)
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


def _votes(found: Agreement, voices: Tensor, uniqueness: Tensor) -> Tensor:
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
    return ratio(product, norms[:, None] * norms[None, :])


def _cosine_with_last(product: Tensor, weights: Tensor) -> float:
    """Compare the weighted sum of all rows but the last with the last."""
    along = weights @ product[:-1, -1]
    squares = (weights @ product[:-1, :-1] @ weights) * product[-1, -1]
    return float(ratio(along, squares.clamp(min=0).sqrt()))


def _below(values: Tensor, past: Tensor) -> Tensor:
    """Return what is usual over each value, at most 1."""
    usual = torch.maximum(usual_of(values, past), values.quantile(0.4))
    return ratio(usual.expand_as(values), values, otherwise=1.0).clamp(max=1)
