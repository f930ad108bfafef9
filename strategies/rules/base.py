"""The contract of a robust aggregation rule.

A rule is a frozen dataclass of its parameters. It turns a stack of admitted updates into one
vector. It draws nothing from global state: what it may know of the round is in ``RuleContext``,
and what it remembers between rounds is passed in and out as ``RuleState``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

from frl.errors import InputError
from frl.methods.base import KEEP
from strategies.assuming import Assuming
from strategies.rules import registry

_WHOLE = 0.75
"""Weight from which no reason is given for the rest."""

Space: TypeAlias = Literal["weights", "ranks"]
Promise: TypeAlias = Literal["translation", "scaling", "bounded"]
RuleState: TypeAlias = dict[str, Tensor]


class RuleContext(NamedTuple):
    """The context of a round: what the server knows besides the updates.

    Attributes
    ----------
    clients : tuple[int, ...]
        Client id of each row of the stack, ascending.
    layers : tuple[int, ...]
        Number of edges of each layer; the columns of the stack are the layers one after another.
    round : int
        Number of the round, from 1.
    seed : int
        Seed of the run.
    keep : float
        Share of edges that the mask keeps (rules on ranks).
    previous : Tensor or None
        Shape (d,): the global ranking (int32 positions) or weights (float32) the round began with.
    root : Tensor or None
        Shape (d,): the server's own update, for rules that trust a root shard.
    origin : Tensor or None
        Shape (d,), int32: the row of a client whose ranking did not change, if it is not
        ``previous`` itself (ballots without dither, sparse rankings).
    """

    clients: tuple[int, ...]
    layers: tuple[int, ...]
    round: int = 1
    seed: int = 0
    keep: float = KEEP
    previous: Tensor | None = None
    root: Tensor | None = None
    origin: Tensor | None = None


class Aggregate(NamedTuple):
    """The result of a rule: the aggregated vector and the state to hand back next round.

    For a rule on weights ``vector`` is the float32 update to add to the global weights. For a rule
    on ranks it is a reputation: the next ranking sorts each layer by it, ties by the previous
    ranking. A reputation is float32 or an integer type. Rules that weigh or drop clients say so,
    row by row: what each counted, 0 to 1, and what took most of the rest (``""`` where little was
    taken).
    """

    vector: Tensor
    state: RuleState
    weights: tuple[float, ...] = ()
    reasons: tuple[str, ...] = ()

    def keeping(self, kept: Iterable[int], n: int) -> Aggregate:
        """Say which of ``n`` rows counted; the others were dropped."""
        whole = set(kept)
        weights = tuple(float(row in whole) for row in range(n))
        return self._replace(
            weights=weights, reasons=tuple("" if weight else "dropped" for weight in weights)
        )

    def weighing(self, weights: Tensor, reason: str) -> Aggregate:
        """Say what rows counted, shape (n,), relative to the one that counted most.

        Parameters
        ----------
        weights : Tensor
            Shape (n,), not negative.
        reason : str
            What took from those of less than three quarters.
        """
        most = float(weights.max())
        shares = (weights / most if most > 0 else weights).tolist()
        return self._replace(
            weights=tuple(shares),
            reasons=tuple("" if share >= _WHOLE else reason for share in shares),
        )


class Rule(Assuming, ABC):
    """A robust aggregation rule.

    Class attributes feed ``frl list rules`` and the table in the docs.

    Attributes
    ----------
    space : {"weights", "ranks"}
        What the rows of the stack are: float32 updates or int32 positions.
    formula : str
        The rule in one line.
    breakdown : str
        Largest share or number of malicious clients it is meant to stand, e.g. ``"f < n/2"``.
    cost : str
        Time, e.g. ``"O(n d)"``.
    influence : str
        What one client can do to the result.
    paper : str
        Authors, year, and an identifier.
    promises : frozenset
        ``"translation"``: adding a vector to every update adds it to the result. ``"scaling"``: a
        positive factor on every update is one on the result. ``"bounded"``: ``f`` clients that send
        the same far outlier move the result by an amount that does not depend on how far.
    needs_root, needs_previous : bool
        Whether the rule works only with ``context.root`` or ``context.previous``.
    """

    space: ClassVar[Space]
    formula: ClassVar[str]
    breakdown: ClassVar[str]
    cost: ClassVar[str]
    influence: ClassVar[str]
    paper: ClassVar[str]
    promises: ClassVar[frozenset[Promise]] = frozenset()
    needs_root: ClassVar[bool] = False
    needs_previous: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse a parameter outside the range that its annotation declares."""
        registry.check_made(self)

    def minimum(self) -> int:
        """Return the smallest number of updates the rule can aggregate with its parameters."""
        return 1

    def check(self, n: int) -> None:
        """Refuse an impossible number of updates.

        Raises
        ------
        InputError
            If ``n`` is below :meth:`minimum`.
        """
        if n < self.minimum():
            raise InputError(f"{self!r} needs at least {self.minimum()} updates, got {n}")

    def initial_state(self) -> RuleState:
        """Return the state before the first round."""
        return {}

    def aggregate(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        """Aggregate one round.

        Parameters
        ----------
        updates : Tensor
            Shape (n, d), one admitted update a row, rows in client-id order; never modified.
            float32 (space ``"weights"``) or int32 positions (space ``"ranks"``).
        context : RuleContext
        state : RuleState
            What the previous round returned; never modified.

        Raises
        ------
        InputError
            If there are too few updates, they are of the wrong type or size, or the context lacks
            what the rule needs.
        """
        self.check(len(updates))
        wanted = torch.float32 if self.space == "weights" else torch.int32
        if updates.dtype != wanted:
            raise InputError(f"{self!r} takes {wanted} updates, got {updates.dtype}")
        if (len(context.clients), sum(context.layers)) != updates.shape:
            raise InputError(
                f"{self!r} got updates of shape {tuple(updates.shape)} for {len(context.clients)} "
                f"clients and {sum(context.layers)} edges"
            )
        if self.needs_root and context.root is None:
            raise InputError(
                f"{self!r} needs an update of the server's own (a root shard), got none"
            )
        if self.needs_previous and context.previous is None:
            raise InputError(f"{self!r} needs the ranking the round began with, got none")
        return self._combine(updates, context, state)

    @abstractmethod
    def _combine(self, updates: Tensor, context: RuleContext, state: RuleState) -> Aggregate:
        """Do the arithmetic of :meth:`aggregate`; everything has been checked."""

    def __call__(self, updates: Tensor) -> Tensor:
        """Aggregate one stack by itself: no history, clients numbered by row, one layer."""
        context = RuleContext(clients=tuple(range(len(updates))), layers=(updates.shape[1],))
        return self.aggregate(updates, context, self.initial_state()).vector
