"""How much each client counts, from what it changed, what others changed and what is remembered.

All of it happens on inner products, so it is the same for rankings and for weights.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

KEPT_ROUNDS = 6
"""Rounds of which lengths and cosines are remembered: what is usual must not hang on one draw."""
RIPE_ROUNDS = 5
"""Rounds before a memory can speak against a client."""
TURNS = 5
"""How often weights and the agreement that they lead to are worked out in turn."""
_TINY = 1e-12
_HALF = 0.5 - 1e-9


class Standing(NamedTuple):
    """How much each of n clients counts in a round; all float64.

    Attributes
    ----------
    weights : Tensor
        Shape (n,), 0 to 1: what a client's change counts, support times uniqueness.
    agreed : Tensor
        Shape (n,), 0 to 1: the same without what the memory says; what is to be remembered.
    support : Tensor
        Shape (n,), 0 to 1: how far its change is borne out by the others' and by the memory.
    uniqueness : Tensor
        Shape (n,), 0 to 1: how little it repeats what others changed.
    cosines : Tensor
        Shape (n,): the smaller one of those with the others and with the memory.
    scales : Tensor
        Shape (layers, n), 0 to 1: factor that bounds its length in each layer.
    recent : Tensor
        Shape (m, layers + 4): what to hand in next round; lengths, likenesses, cosines.
    """

    weights: Tensor
    agreed: Tensor
    support: Tensor
    uniqueness: Tensor
    cosines: Tensor
    scales: Tensor
    recent: Tensor

    def reasons(self) -> tuple[str, ...]:
        """Say what took most of each client's weight.

        ``"against"``: its change opposes the others' or the memory; ``"apart"``: it is borne out
        less than is usual; ``"alike"``: others changed the same; ``""``: three quarters are left.
        """
        parts = (self.weights, self.support, self.uniqueness, self.cosines)
        return tuple(map(_reason, *(part.tolist() for part in parts)))


def _reason(weight: float, support: float, uniqueness: float, cosine: float) -> str:
    if weight >= 0.75:
        return ""
    if support > uniqueness:
        return "alike"
    return "apart" if cosine > 0 else "against"


def standing(grams: Tensor, recent: Tensor | None = None) -> Standing:
    """Weigh clients by the direction of what they changed.

    Parameters
    ----------
    grams : Tensor
        Shape (layers, n + 1, n + 1), float64: inner products in each layer of the n clients'
        changes and, last, of the memory (zeros if there is none).
    recent : Tensor, optional
        What the last round returned.

    Notes
    -----
    *Usual* is the median over this round's clients and those of the last rounds. In each layer a
    change longer than usual is scaled down to that, and lengths are counted in it, so that every
    layer weighs the same. With ``C`` the cosines of the changes:

    * uniqueness: the usual mean of ``max(0, C_ij)`` over others j over the client's own, and the
      same with squares; the smaller one, at most 1. Where 40 % of a round lie above what is usual,
      they are. Colluders that repeat each other share about one vote.
    * support by others: the median of ``C_ij`` over others j, weighed by what they count, over the
      usual one, between 0 and 1; in turn with the weights that it leads to. A group in the minority
      cannot speak for its own members.
    * support by the memory: the same with the cosine with the memory, once there are
      ``RIPE_ROUNDS``. Where what the round agreed on opposes the memory as a whole, nobody counts:
      one of them has been captured, and waiting costs a round.
    """
    n, depth = grams.shape[1] - 1, len(grams)
    past = grams.new_empty(0, depth + 4) if recent is None else recent
    lengths = grams.diagonal(dim1=1, dim2=2)[:, :n].clamp(min=0).sqrt()
    usual = _usual(lengths, past[:, :depth].T)
    scales = torch.where(lengths > usual[:, None], usual[:, None] / lengths, 1.0)
    product = _in_units(grams, scales, usual)
    cosines = _cosines(product)
    alike = cosines[:n, :n].clone().fill_diagonal_(0).clamp(0, 1)
    mean, square = alike.mean(dim=1), alike.square().mean(dim=1)
    uniqueness = torch.minimum(_below(mean, past[:, -4]), _below(square, past[:, -3]))
    agreed, by_others, median = _agreement(cosines[:n, :n], uniqueness, past[:, -1])
    remembered, support = cosines[:n, n], by_others
    if len(past) >= RIPE_ROUNDS * n and product[n, n] > 0:
        support = torch.minimum(support, _support(remembered, past[:, -2]))
        support = support * (agreed @ product[:n, n] > 0)
    now = torch.cat([lengths.T, torch.stack([mean, square, remembered, median], dim=1)], dim=1)
    return Standing(
        weights=support * uniqueness,
        agreed=agreed,
        support=support,
        uniqueness=uniqueness,
        cosines=torch.minimum(remembered, median),
        scales=scales,
        recent=torch.cat([past, now])[-KEPT_ROUNDS * n :],
    )


def _in_units(grams: Tensor, scales: Tensor, usual: Tensor) -> Tensor:
    """Bound lengths, count them in usual ones, and add up the layers: shape (n + 1, n + 1)."""
    factors = torch.cat([scales, scales.new_ones(len(scales), 1)], dim=1)
    squares = usual.square()
    units = torch.where(squares > 0, 1 / squares, 0.0) / len(grams)
    return (grams * factors[:, :, None] * factors[:, None, :] * units[:, None, None]).sum(dim=0)


def _cosines(product: Tensor) -> Tensor:
    norms = product.diagonal().clamp(min=0).sqrt()
    return _ratio(product, norms[:, None] * norms[None, :])


def _agreement(cosines: Tensor, uniqueness: Tensor, past: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Work out weights and support by others in turn; also return the medians behind it."""
    weights = uniqueness
    for _ in range(TURNS):
        median, heard = _weighted_median(cosines, weights)
        support = torch.where(heard, _support(median, past), 1.0)
        weights = support * uniqueness
        if not weights.any():
            break
    return weights, support, median


def _weighted_median(cosines: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Take each row's lower median under the others' weights; also say which rows have any."""
    voices = weights.expand_as(cosines).clone().fill_diagonal_(0)
    ordered, order = cosines.sort(dim=1, stable=True)
    heard = voices.gather(1, order).cumsum(dim=1)
    total = heard[:, -1:]
    place = (heard < total * _HALF).sum(dim=1, keepdim=True)
    return ordered.gather(1, place)[:, 0], total[:, 0] > _TINY


def _support(cosines: Tensor, past: Tensor) -> Tensor:
    """Compare cosines with the usual one: 0 to 1."""
    return (cosines / _usual(cosines, past).clamp(min=_TINY)).clamp(0, 1)


def _below(values: Tensor, past: Tensor) -> Tensor:
    """Return what is usual over each value, at most 1."""
    usual = torch.maximum(_usual(values, past), values.quantile(0.4))
    return _ratio(usual.expand_as(values), values, otherwise=1.0).clamp(max=1)


def _usual(values: Tensor, past: Tensor) -> Tensor:
    """Return the lower median of values and past ones along the last dimension."""
    return torch.cat([past, values], dim=-1).median(dim=-1).values


def _ratio(part: Tensor, whole: Tensor, otherwise: float = 0.0) -> Tensor:
    return torch.where(whole > _TINY, part / whole.clamp(min=_TINY), otherwise)
