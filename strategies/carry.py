"""What the server keeps of its ranking where clients are sent a coarse copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.errors import InputError
from frl.exchange.carry import carried
from frl.exchange.channel import Channel
from frl.exchange.unmoved import Unmoved
from frl.ranking import Ranking
from frl.wire import Base


class Carry:
    """The server's own ranking between rounds, see :mod:`frl.exchange.carry`.

    Parameters
    ----------
    channel : Channel
        It says whether anything is carried on.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._own: Ranking = {}

    def lowered(
        self,
        outcome: Arrays,
        base: Base,
        sums: Mapping[str, NDArray[Any]] | None,
        voters: Sequence[int],
        *,
        seed: int,
        heard: Unmoved | None = None,
    ) -> Arrays:
        """Return the next global state as clients can be sent it.

        Parameters
        ----------
        outcome : mapping of layer name to array
            What the round led to.
        base : Base
            The state that the round began with.
        sums : mapping of layer name to integer array, or None
            What the votes added up to, where they alone led there. Where both sides know the noise
            in them, it moves nothing.
        voters : sequence of int
            Clients that voted, ascending.
        seed : int
            Of the run.
        heard : Unmoved, optional
            With the voters whose noise was made when their ballots were read.
        """
        channel = self._channel
        if not channel.carries:
            return channel.coarsened(outcome)
        own = self._own or base.state
        moves = None
        if sums is not None:
            moves = channel.form.moves(sums, voters, base, seed=seed, heard=heard)
        if moves is None:
            moves = {name: outcome[name] - ranks for name, ranks in base.state.items()}
        self._own = carried(own, moves)
        return channel.followed(self._own, base.state)

    @property
    def memory(self) -> dict[str, NDArray[Any]]:
        """The ranking as arrays, for a checkpoint; empty where nothing is carried on."""
        return dict(self._own)

    @memory.setter
    def memory(self, memory: Arrays) -> None:
        if memory and not self._channel.carries:
            raise InputError(f"nothing is carried on here, got {sorted(memory)}")
        self._own = {name: ranks.astype(np.int32) for name, ranks in memory.items()}
