"""A vote on what clients changed, each as far as the run so far and the others bear it out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from frl.registry.ranges import Decay
from strategies.rules import register
from strategies.rules.base import Aggregate, Rule, RuleContext, RuleState
from strategies.stack.blocks import columns, layer_bounds
from strategies.stack.combine import sum_dtype
from strategies.stack.gram import layer_grams
from strategies.stack.standing import standing
from strategies.stack.trust import after, trust

UNIT = 64
"""Reputations and the memory are whole numbers of 1/64 rank."""
_STEPS = 4096
"""What a client counts in a layer is a whole number of 1/4096 votes, so that sums are exact."""


@register("change_vote")
@dataclass(frozen=True)
class ChangeVote(Rule):
    """Move the ranking by the mean of what clients changed, weighed by direction and likeness.

    With ``q`` the ranking the round began with: ``c_i = p_i - q``, in each layer without its part
    along ``q - mean(q)``, which moves no edge past another, no longer than is usual, and without
    what opposes the mean of what the others agree on. The weight of a client is its uniqueness
    times its trust: how little it repeats what others send, and how far its earlier changes were
    borne out; who opposes the others and repeats has none; see
    :mod:`strategies.stack.standing` and :mod:`strategies.stack.trust`. Where the round as a whole
    opposes the memory, nobody counts. The reputation is ``q + sum w_i c_i / sum w_i``, or ``q``
    where nobody counts. The memory becomes ``memory`` times
    itself plus what the round agreed on, whatever the memory says of it, so that a spoiled memory
    turns round. One client, and any number of them, moves a layer at most as far as the usual
    change is long. Nothing is assumed about the number of malicious clients. It remembers one int32
    an edge, and two numbers a client.

    Parameters
    ----------
    memory : float
        Share of the memory that a round leaves, 0 to less than 1.
    """

    memory: Decay = 0.8

    space = "ranks"
    formula = (
        "q + Σ w_i c_i / Σ w_i, c_i = p_i - q of at most the usual length, none against the others"
    )
    breakdown = "f < n/2 on average over the last rounds; no proof"
    cost = "O(n² d)"
    influence = "a layer moves at most the usual length of a change"
    paper = "this project; after Karimireddy et al. 2021 and Cao et al. 2021, on changes of ranks"
    needs_previous = True

    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        changes = _Changes(updates, context, state.get("memory"))
        judged = standing(changes.products(), state.get("recent"), trust(state, context.clients))
        moved, remembered = changes.means(
            (judged.shares, judged.votes), (judged.scales * judged.agreed, judged.agreed)
        )
        if changes.memory is not None:
            remembered.add_(changes.memory, alpha=self.memory)
        widest = max(context.layers)
        reputation = moved.add_(changes.previous, alpha=UNIT).round_()
        rounds = math.ceil(1 / (1 - self.memory))
        return Aggregate(
            reputation.to(sum_dtype(2 * UNIT, widest)),
            {
                "memory": remembered.round_().to(sum_dtype(rounds * UNIT, widest)),
                "recent": judged.recent,
                **after(judged, state, context.clients),
            },
            tuple(judged.weights.tolist()),
            judged.reasons(),
        )


class _Changes:
    """A round's changes as rows of whole numbers, of which nothing of size (n, d) is kept.

    Parameters
    ----------
    votes : Tensor
        Shape (n, d), int32 positions.
    context : RuleContext
    memory : Tensor, optional
        Shape (d,), whole numbers of 1/64 rank.
    """

    def __init__(self, votes: Tensor, context: RuleContext, memory: Tensor | None) -> None:
        assert context.previous is not None
        self.previous = context.previous.to(votes.device)
        self.memory = None if memory is None else memory.to(votes.device)
        self._origin = self.previous if context.origin is None else context.origin.to(votes.device)
        self._votes, self._layers = votes, context.layers
        self._ramp = 2 * self.previous
        for start, stop in layer_bounds(self._layers):
            self._ramp[start:stop] -= stop - start - 1
        self._grams = layer_grams(self._rows, votes, self._layers)

    def products(self) -> Tensor:
        """Inner products of the changes and, last, the memory; shape (layers, n + 1, n + 1)."""
        along = self._grams[:, :-1, -1]
        return self._grams[:, :-1, :-1] - along[:, :, None] * self._shares()[:, None, :]

    def means(self, *weightings: tuple[Tensor, Tensor]) -> list[Tensor]:
        """Average the changes under each weighting, in 1/64 ranks; 0 if nothing has weight.

        Parameters
        ----------
        weightings : tuple of Tensor
            Factors of shape (layers, n), and weights of shape (n,), whose sum is divided by.

        Returns
        -------
        list of Tensor
            Each of shape (d,), float64.
        """
        totals = torch.stack([(weights * _STEPS).round().sum() for _, weights in weightings])
        units = torch.where(totals > 0, UNIT / totals.clamp(min=1), 0.0)
        counts = torch.stack([(factors * _STEPS).round() for factors, _ in weightings])
        along = (counts * self._shares()[:, :-1]).sum(dim=2)
        device = self._votes.device
        out = [
            torch.empty(self._votes.shape[1], dtype=torch.float64, device=device)
            for _ in weightings
        ]
        for layer, (start, stop) in enumerate(layer_bounds(self._layers)):
            factors = counts[:, layer].to(device)
            for block in columns(self._votes, start, stop, itemsize=8):
                changes = self._votes[:, block].to(torch.float64).sub_(self._origin[block])
                for mean, part, share, unit in zip(
                    out, factors @ changes, along[:, layer].tolist(), units.tolist(), strict=True
                ):
                    torch.mul(part.sub_(self._ramp[block], alpha=share), unit, out=mean[block])
        return out

    def _rows(self, block: slice) -> Tensor:
        rows = torch.zeros(
            len(self._votes) + 2,
            block.stop - block.start,
            dtype=torch.float64,
            device=self._votes.device,
        )
        rows[:-2] = self._votes[:, block]
        rows[:-2] -= self._origin[block]
        if self.memory is not None:
            rows[-2] = self.memory[block]
        rows[-1] = self._ramp[block]
        return rows

    def _shares(self) -> Tensor:
        """Return what part of the ramp each row holds, shape (layers, n + 1)."""
        ramp = self._grams[:, -1:, -1]
        return torch.where(ramp > 0, self._grams[:, :-1, -1] / ramp.clamp(min=1), 0.0)
