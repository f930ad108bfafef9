"""The server's own update of a round, for rules that compare clients with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from flwr.app import ArrayRecord
from numpy.typing import NDArray

from frl.errors import InputError, MessageError
from strategies.robust.differences import require_near, stacked
from strategies.robust.limits import Limits
from strategies.robust.model_state import ModelState

ServerTraining: TypeAlias = Callable[[int, ArrayRecord], ArrayRecord]
"""Trains the state of a round on the server's own data, and returns it as a client would."""


class Reference:
    """What the server's training makes of a state, once a round.

    Parameters
    ----------
    train : ServerTraining
    limits : Limits
        As for clients.
    """

    def __init__(self, train: ServerTraining, limits: Limits) -> None:
        self._train, self._limits = train, limits
        self._made: tuple[ModelState, NDArray[np.float32]] | None = None

    def __call__(self, server_round: int, state: ModelState) -> NDArray[np.float32]:
        """Return the difference to a state, shape (d,).

        Raises
        ------
        InputError
            If the training returns what a client might not send.
        """
        if self._made is None or self._made[0] is not state:
            trained = self._train(server_round, state.record)
            try:
                arrays = state.read(trained)
                require_near(state, arrays, self._limits.most_norm)
            except MessageError as error:
                raise InputError(f"root: {error}; takes a function that trains the state") from None
            self._made = state, stacked(state, [arrays])[0]
        return self._made[1]
