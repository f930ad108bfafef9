"""The settings of a rule strategy, and where their defaults stand."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from frl.methods.base import KEEP

Weighting: TypeAlias = Literal["uniform", "examples"]


class RuleSettings(NamedTuple):
    """How updates are admitted and how the server steps.

    Attributes
    ----------
    keep : float
        Share of edges in the mask.
    server_lr : float
        Factor on the aggregate of weights.
    server_momentum : float
        Of the server, by weights.
    weighting : {"uniform", "examples"}
        Of updates of weights.
    most_weight : int
        Cap on a client's declared examples.
    most_norm : float
        Largest Euclidean norm of an update of weights.
    """

    keep: float = KEEP
    server_lr: float = 1.0
    server_momentum: float = 0.0
    weighting: Weighting = "uniform"
    most_weight: int = 1000
    most_norm: float = 1e6
