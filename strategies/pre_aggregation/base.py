"""The contract of a pre-aggregation.

A pre-aggregation is a frozen dataclass of its parameters that turns a stack of updates into another
one, of the same type and width, for the rule behind it. Rows may get fewer; then a row no longer is
one client.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from frl.errors import InputError
from strategies.assuming import Assuming
from strategies.pre_aggregation import registry
from strategies.rules.base import Rule, RuleContext, Space


class PreAggregation(Assuming, ABC):
    """A step in front of a rule.

    Attributes
    ----------
    space : str
        ``"weights"``, or ``"weights, ranks"`` where int32 positions are taken as well. Averages of
        positions are rounded: such a row is no permutation, but it counts as one in every rule.
    formula, cost, paper : str
        As for a rule.
    """

    space: ClassVar[str]
    formula: ClassVar[str]
    cost: ClassVar[str]
    paper: ClassVar[str]

    def __post_init__(self) -> None:
        """Refuse a parameter outside the range that its annotation declares."""
        registry.check_made(self)

    def minimum(self) -> int:
        """Return the smallest number of updates the step can take with its parameters."""
        return 1

    def rows(self, n: int) -> int:
        """Return how many rows come out of n."""
        return n

    def check(self, n: int) -> None:
        """Refuse an impossible number of updates.

        Raises
        ------
        InputError
            If ``n`` is below :meth:`minimum`.
        """
        if n < self.minimum():
            raise InputError(f"{self!r} needs at least {self.minimum()} updates, got {n}")

    def check_space(self, space: Space) -> None:
        """Refuse a kind of updates that the step is not made for.

        Raises
        ------
        InputError
            If ``space`` is not one of the step's.
        """
        if space not in self.space.split(", "):
            raise InputError(f"{self!r} takes updates of space {self.space!r}, got {space!r}")

    def apply(self, updates: Tensor, context: RuleContext, *, overwrite: bool = False) -> Tensor:
        """Transform one round's updates.

        Parameters
        ----------
        updates : Tensor
            Shape (n, d), float32, or int32 positions.
        context : RuleContext
        overwrite : bool
            Whether the result may take the place of ``updates``, which saves a stack of memory.

        Returns
        -------
        Tensor
            Shape (m, d), ``m = rows(n)``, of the same type.

        Raises
        ------
        InputError
            If there are too few updates or they are of the wrong kind.
        """
        self.check(len(updates))
        self.check_space("weights" if updates.dtype == torch.float32 else "ranks")
        return self._transform(updates, context, updates if overwrite else None)

    @abstractmethod
    def _transform(self, updates: Tensor, context: RuleContext, room: Tensor | None) -> Tensor:
        """Do the arithmetic of :meth:`apply`; ``room`` is the stack if it may be changed."""


class Prepared(NamedTuple):
    """The result of a chain, for a rule: updates, and a context with one client id for each row."""

    updates: Tensor
    context: RuleContext


def chain(
    steps: Sequence[PreAggregation],
    updates: Tensor,
    context: RuleContext,
    *,
    overwrite: bool = False,
) -> Prepared:
    """Apply steps one after another.

    Where a step changes the number of rows, the rows are numbered anew from 0.

    Parameters
    ----------
    steps : Sequence[PreAggregation]
        The first is applied first; may be empty.
    updates : Tensor
        Shape (n, d).
    context : RuleContext
    overwrite : bool
        Whether ``updates`` may be changed; results in between always are.

    Raises
    ------
    InputError
        If a step gets too few updates or the wrong kind.
    """
    current, room = updates, overwrite
    for step in steps:
        after = step.apply(current, context, overwrite=room)
        room = room or after is not current
        if len(after) != len(current):
            context = context._replace(clients=tuple(range(len(after))))
        current = after
    return Prepared(current, context)


def check_chain(rule: Rule, steps: Sequence[PreAggregation], clients: int) -> None:
    """Refuse steps and a rule that cannot work one after another on updates of so many clients.

    Raises
    ------
    InputError
        If they take another kind of updates, or more of them.
    """
    for step in steps:
        step.check_space(rule.space)
    rule.check(rows_after(steps, clients))


def rows_after(steps: Sequence[PreAggregation], n: int) -> int:
    """Return how many rows a chain makes of n, or raise ``InputError`` if a step gets too few."""
    for step in steps:
        step.check(n)
        n = step.rows(n)
    return n
