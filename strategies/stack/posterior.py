"""The posterior of a mask's probabilities, from the bits that clients send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

_ONES, _VOTES = "posterior-ones", "posterior-votes"
_GRAIN = 1024
"""Parts of a vote that counts are rounded to: those of a mean are whole."""


class Posterior(NamedTuple):
    """Beta aggregation (Isik et al., ICLR 2023).

    Each edge has a beta distribution, ``alpha = beta = 1`` at first. A round of ``n`` bits adds
    their ones to ``alpha`` and their zeros to ``beta``; the next probability is the mode, ``(alpha
    - 1) / (alpha + beta - 2)``: the share of ones since the distribution was last reset. A robust
    rule says what share of ones there is, in place of the mean.

    Attributes
    ----------
    rounds : int
        After so many rounds the distribution is reset: 1, as in the authors' code, forgets what
        came before.
    """

    rounds: int = 1

    def after(
        self,
        share: Tensor,
        voters: int,
        server_round: int,
        memory: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the next probabilities and what to remember.

        Parameters
        ----------
        share : float32 Tensor of shape (d,)
            Of ones in this round; beyond [0, 1] counts as its end.
        voters : int
        server_round : int
            From 1; the distribution is reset where it is 1 more than a multiple of ``rounds``.
        memory : mapping
            What was returned last, among other things.
        """
        ones = (share.double().nan_to_num().clamp(0, 1) * voters * _GRAIN).round()
        votes = voters
        if (server_round - 1) % self.rounds and _ONES in memory:
            ones = ones + memory[_ONES]
            votes += int(memory[_VOTES])
        kept = {}
        if server_round % self.rounds:
            kept = {_ONES: ones, _VOTES: torch.tensor(votes)}
        return (ones / (votes * _GRAIN)).float(), kept

    @staticmethod
    def rest(memory: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what of a memory is not of a posterior."""
        return {name: kept for name, kept in memory.items() if name not in (_ONES, _VOTES)}
