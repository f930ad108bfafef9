"""The carry: the server's own ranking, of which clients hold a coarse copy that follows it.

What the way down rounds away is carried on to later rounds, so nothing is lost for good: error
feedback (Seide et al., Interspeech 2014; Karimireddy et al., ICML 2019) for rankings.
"""

from __future__ import annotations

import numpy as np

from frl.arrays import Arrays
from frl.exchange.ballots import ballot, refine
from frl.ranking import Positions, Ranking
from frl.wire.boundaries import boundaries, bucket_table


def carried(own: Ranking, moves: Arrays) -> Ranking:
    """Move the server's own ranking as a round moved the copy.

    Parameters
    ----------
    own : mapping of layer name to int32 positions
    moves : mapping of layer name to integer array of shape (n,)
        Ranks, of magnitude up to a few ``n``.

    Returns
    -------
    dict of layer name to int32 positions
        Equal places keep their order.
    """
    return {name: refine(ranks + moves[name], ranks) for name, ranks in own.items()}


def followed(own: Ranking, copy: Ranking, ties: Ranking, *, bits: int, slack: float) -> Ranking:
    """Let the coarse copy follow the server's own ranking.

    An edge stays in its bucket of the copy until its own rank lies further outside than the slack;
    then it moves to the bucket of its own rank. Buckets keep their sizes: where more edges enter
    than leave, those nearest to the end go on.

    Parameters
    ----------
    own : mapping of layer name to int32 positions
    copy : mapping of layer name to int32 positions
        What clients hold.
    ties : mapping of layer name to int32 positions
        The order within a bucket: the first ranking of the run.
    bits : int
        1 to 8.
    slack : float
        In bucket widths; 0 gives the buckets of the server's own ranking.

    Returns
    -------
    dict of layer name to int32 positions
        As :func:`frl.exchange.downlink.coarsen` makes them: the buckets say all of them.
    """
    return {
        name: refine(_buckets(ranks, copy[name], bits, slack).astype(np.int32), ties[name])
        for name, ranks in own.items()
    }


def _buckets(own: Positions, copy: Positions, bits: int, slack: float) -> np.ndarray:
    table = boundaries(own.size, bits)
    edges, held = table.astype(np.int32), bucket_table(table).take(copy)
    inside = np.clip(own, edges[:-1].take(held), edges[1:].take(held) - np.int32(1))
    near = np.abs(own - inside) <= int(slack * own.size / (1 << bits))
    return ballot(refine(np.where(near, inside, own), own), bits)
