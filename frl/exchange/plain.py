"""The channel of runs that nothing is said of: whole rankings or differences, as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frl.exchange.channel import Channel
from frl.exchange.forms import Whole
from frl.wire import codings


def plain_channel(state: Mapping[str, NDArray[Any]]) -> Channel:
    """Build the channel of a run whose global states look like this one.

    Parameters
    ----------
    state : mapping of layer to array
        int32 positions, or float32 weights.
    """
    layers = {name: int(values.size) for name, values in state.items()}
    if holds_ranks(state):
        return Channel(layers=layers, up=codings.make("delta"), form=Whole())
    return Channel(layers=layers, up=codings.make("float32"), form=None)


def holds_ranks(state: Mapping[str, NDArray[Any]]) -> bool:
    """Whether a global state is a ranking: its arrays are of integers."""
    return all(np.issubdtype(values.dtype, np.integer) for values in state.values())
