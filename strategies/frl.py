"""Federated Rank Learning: clients send rankings, the server sums them and ranks the sums."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from frl.arrays import Arrays
from strategies.base import SeededStrategy
from strategies.gate import Admitted, Check, ranking_check
from strategies.rules.base import Space
from strategies.vote import Vote


class FRL(SeededStrategy):
    """The Flower strategy of Federated Rank Learning.

    The global state is a ranking: for each layer the int32 position of every edge. Each sampled
    client trains from it and replies with its own ranking; the next global ranking orders the edges
    by the sum of their positions, ties by the previous ranking. A client moves the sum of an edge
    by at most ``n - 1``, whatever it sends (Mozaffari et al., USENIX Security 2023). A fifth of the
    clients together break this vote; :class:`strategies.RuleStrategy` has one that stood what it
    was tried against, at the price of holding a round's rankings.

    Parameters
    ----------
    clients : int
        Population; clients are ``0 .. clients - 1``.
    clients_per_round : int
    seed : int
        Seed of the run.
    redraw : callable, optional
        See :func:`strategies.sampling.sample_clients`.
    """

    @property
    def space(self) -> Space:
        """Rankings."""
        return "ranks"

    def check(self, state: Arrays) -> Check:
        """Admit only a permutation in every layer, or what the run's form makes of one."""
        layers = {name: positions.size for name, positions in state.items()}
        return ranking_check(layers, self.form)

    def combine(
        self, server_round: int, state: Arrays, admitted: Iterator[Admitted]
    ) -> Arrays | str:
        """Add rankings as they arrive; memory does not grow with the number of clients."""
        vote = Vote(state)
        self._heard = self._channel.noise_sums(self._base, seed=self.seed)
        for reply in admitted:
            vote.add(self._votes(reply.update))
        self.vote = vote
        return vote.result() if vote.count else "no reply was admitted"

    def preview(self, updates: Sequence[Arrays]) -> Arrays:
        """Return the ranking that a vote of these rankings alone would give."""
        vote = Vote(self._base.state)
        for update in updates:
            vote.add(self._votes({name: self.form.of(part) for name, part in update.items()}))
        return vote.result()

    def _votes(self, sent: Arrays) -> Arrays:
        return {name: self.form.votes(part) for name, part in sent.items()}
