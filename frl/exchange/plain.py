"""The channel of runs that nothing is said of: whole rankings or differences, as plain arrays."""

from __future__ import annotations

import numpy as np

from frl.arrays import Arrays
from frl.exchange.channel import Channel
from frl.exchange.forms import Differences, Whole


def plain_channel(state: Arrays) -> Channel:
    """Build the channel of a run whose global states look like this one.

    Parameters
    ----------
    state : mapping of layer to array
        int32 positions, or float32 weights.
    """
    form = Whole() if holds_ranks(state) else Differences()
    return Channel({name: int(values.size) for name, values in state.items()}, form)


def holds_ranks(state: Arrays) -> bool:
    """Whether a global state is a ranking: its arrays are of integers."""
    return all(np.issubdtype(values.dtype, np.integer) for values in state.values())
