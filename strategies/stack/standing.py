"""How much each client counts, from what it changed, what others changed and what is remembered.

All of it happens on inner products, so it is the same for rankings and for weights.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

KEPT_ROUNDS = 6
"""Rounds of which lengths and likenesses are remembered: the usual must not hang on one draw."""
RIPE_ROUNDS = 5
"""Rounds before a memory can speak against a client."""
TURNS = 5
"""How often weights and the references made of them are worked out in turn."""
_TINY = 1e-12


class Standing(NamedTuple):
    """How much each of n clients counts in a round.

    Attributes
    ----------
    weights : Tensor
        Shape (n,), float64, 0 to 1: what a client's change counts, support times uniqueness.
    support : Tensor
        Shape (n,), float64, 0 to 1: how far it points where the reference does.
    uniqueness : Tensor
        Shape (n,), float64, 0 to 1: how little it repeats what others changed.
    cosines : Tensor
        Shape (n,), float64: of its change with the reference.
    scales : Tensor
        Shape (layers, n), float64, 0 to 1: factor that bounds its length in each layer.
    recent : Tensor
        Shape (m, layers + 4), float64: what to hand in next round.
    """

    weights: Tensor
    present: Tensor
    support: Tensor
    uniqueness: Tensor
    cosines: Tensor
    scales: Tensor
    recent: Tensor

    def reasons(self) -> tuple[str, ...]:
        """Say what took most of each client's weight.

        ``"against"``: its change opposes the reference; ``"apart"``: it supports it less than is
        usual; ``"alike"``: others changed the same; ``""``: three quarters of its weight are left.
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
    What is usual is a median over this round's clients and those of the last rounds. In each layer
    a change longer than usual is scaled down to that, and lengths are counted in it, so that every
    layer weighs the same. The reference of client ``i`` is the memory plus the mean of the others'
    changes by weight; its support is its cosine with the reference over the usual positive one,
    between 0 and 1. With ``r_ij`` the partial correlation of two changes given their references and
    ``S_i`` the mean over others of ``max(0, r_ij)^2``, its uniqueness is ``min(1, usual / S_i)``.
    Without a reference, as in a first round with one client, support is 1.
    """
    n, depth = grams.shape[1] - 1, len(grams)
    past = grams.new_empty(0, depth + 4) if recent is None else recent
    lengths = grams.diagonal(dim1=1, dim2=2)[:, :n].clamp(min=0).sqrt()
    usual = _median(torch.cat([past[:, :depth].T, lengths], dim=1))
    scales = torch.where(lengths > usual[:, None], usual[:, None] / lengths, 1.0)
    product = _in_units(grams, scales, usual)
    norms = product.diagonal()[:n].clamp(min=0).sqrt()
    likeness = _ratio(product[:n, :n], norms[:, None] * norms[None, :])
    weights = torch.ones(n, dtype=torch.float64)
    alike = likeness.clone().fill_diagonal_(0).clamp(0, 1)
    mean, square = alike.mean(dim=1), alike.square().mean(dim=1)
    uniqueness = torch.minimum(_below(mean, past[:, -4]), _below(square, past[:, -3]))
    depth_of_memory = product[n, n].clamp(min=0).sqrt()
    remembered = _ratio(product[:n, n], norms * depth_of_memory)
    known = (depth_of_memory > _TINY).expand(n)
    ripe = len(past) >= RIPE_ROUNDS * n
    by_memory = _support(remembered, past[:, -2], known) if ripe else torch.ones_like(norms)
    present_weights = uniqueness
    for _ in range(TURNS):
        present, known = _agreement(likeness, present_weights)
        by_others = _support(present, past[:, -1], known)
        present_weights = by_others * uniqueness
        if not present_weights.any():
            break
    support = torch.minimum(by_memory, by_others)
    if ripe and present_weights @ product[:n, n] <= 0:
        support = torch.zeros_like(support)
    weights = support * uniqueness
    cosines = torch.minimum(remembered, present)
    now = torch.cat([lengths.T, torch.stack([mean, square, remembered, present], dim=1)], dim=1)
    kept = torch.cat([past, now])[-KEPT_ROUNDS * n :]
    return Standing(weights, present_weights, support, uniqueness, cosines, scales, kept)


def _median(values: Tensor) -> Tensor:
    """Return the lower median along the last dimension."""
    return values.median(dim=-1).values


def _ratio(part: Tensor, whole: Tensor, otherwise: float = 0.0) -> Tensor:
    return torch.where(whole > _TINY, part / whole.clamp(min=_TINY), otherwise)


def _in_units(grams: Tensor, scales: Tensor, usual: Tensor) -> Tensor:
    """Bound lengths, count them in usual ones, and add up the layers: shape (n + 1, n + 1)."""
    factors = torch.cat([scales, scales.new_ones(len(scales), 1)], dim=1)
    squares = usual.square()
    units = torch.where(squares > 0, 1 / squares, 0.0) / len(grams)
    return (grams * factors[:, :, None] * factors[:, None, :] * units[:, None, None]).sum(dim=0)


def _agreement(likeness: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weighted median of each client's cosines with the others, and where there is one.

    Of others' weights, at least half lies on cosines up to the median.
    """
    voices = weights.expand_as(likeness).clone().fill_diagonal_(0)
    ordered, order = likeness.sort(dim=1, stable=True)
    heard = voices.gather(1, order).cumsum(dim=1)
    total = heard[:, -1:]
    place = (heard >= total / 2).to(torch.int8).argmax(dim=1, keepdim=True)
    return ordered.gather(1, place)[:, 0], total[:, 0] > _TINY


def _support(cosines: Tensor, past: Tensor, known: Tensor) -> Tensor:
    """Compare cosines with the usual one; 1 where there is no reference."""
    usual = _median(torch.cat([past, cosines])).clamp(min=_TINY)
    return torch.where(known, (cosines / usual).clamp(0, 1), 1.0)


def _below(values: Tensor, past: Tensor) -> Tensor:
    """Return the usual value over each one, at most 1."""
    usual = torch.maximum(_median(torch.cat([past, values])), values.quantile(0.4))
    return _ratio(usual.expand_as(values), values, otherwise=1.0).clamp(max=1)
