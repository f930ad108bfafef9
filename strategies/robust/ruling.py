"""A rule and the steps in front of it, on a stack of differences, with what the rule remembers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from frl.errors import InputError
from frl.registry.call_syntax import parse_calls
from strategies import pre_aggregation, rules
from strategies.pre_aggregation import PreAggregation, chain, rows_after
from strategies.robust.model_state import ModelState
from strategies.rules import Rule, RuleContext, RuleState
from strategies.rules.mean import Mean


class Ruled(NamedTuple):
    """The result of a rule: a vector of shape (d,), and weights and reasons a row, or none."""

    vector: NDArray[np.float32]
    weights: tuple[float, ...] = ()
    reasons: tuple[str, ...] = ()
    memory: RuleState | None = None


class Ruling:
    """A rule on differences of weights.

    Parameters
    ----------
    rule : str or Rule
        Such as ``"median"`` or ``"multi_krum(f=2)"``.
    steps : str or sequence of PreAggregation
        Such as ``"nnm(f=2)"``.
    seed : int
    has_root : bool
        Whether there is an update of the server's own.

    Attributes
    ----------
    memory : RuleState
        What the rule remembers.

    Raises
    ------
    InputError
        If one is unknown, is made for rankings, or lacks an update of the server's own or has no
        use for it.
    """

    def __init__(
        self,
        rule: str | Rule,
        steps: str | Sequence[PreAggregation] = (),
        seed: int = 0,
        has_root: bool = False,
    ) -> None:
        self.rule = rules.registry.from_text(rule) if isinstance(rule, str) else rule
        self.steps = tuple(_steps(steps) if isinstance(steps, str) else steps)
        self._seed = seed
        if self.rule.space != "weights":
            raise InputError(f"rule: {self.rule!r} is made for {self.rule.space}; takes weights")
        if self.rule.needs_root and not has_root:
            raise InputError(
                f"rule: {self.rule!r} needs an update that the server trained itself; takes root="
            )
        if has_root and not self.rule.needs_root:
            raise InputError(f"root: {self.rule!r} needs no update of the server's own; takes none")
        for step in self.steps:
            step.check_space("weights")
        self.memory = self.rule.initial_state()

    def __call__(
        self,
        rows: NDArray[np.float32],
        clients: Sequence[int],
        state: ModelState,
        server_round: int,
        root: NDArray[np.float32] | None = None,
    ) -> Ruled:
        """Aggregate differences of shape (n, d), which may be overwritten; remembers nothing.

        Parameters
        ----------
        rows : array of shape (n, d)
        clients : sequence of int
        state : ModelState
        server_round : int
        root : array of shape (d,), optional
            The server's own update.

        Raises
        ------
        InputError
            If there are too few.
        """
        self.rule.check(rows_after(self.steps, len(rows)))
        context = RuleContext(
            clients=tuple(clients),
            layers=state.sizes,
            round=server_round,
            seed=self._seed,
            previous=torch.from_numpy(state.flat) if self.rule.needs_previous else None,
            root=None if root is None else torch.from_numpy(root),
        )
        updates, context = chain(self.steps, torch.from_numpy(rows), context, overwrite=True)
        found = self.rule.aggregate(updates, context, self.memory)
        weighed = found.weights if len(updates) == len(rows) else ()
        reasons = found.reasons if weighed else ()
        return Ruled(found.vector.cpu().numpy(), weighed, reasons, found.state)

    def remember(self, ruled: Ruled) -> None:
        """Go on from a result that the state was moved by."""
        self.memory = ruled.memory or {}

    def __repr__(self) -> str:
        """Name what comes one after the other."""
        return ", then ".join(map(repr, (*self.steps, self.rule)))

    @property
    def is_mean(self) -> bool:
        """Whether it is the plain mean."""
        return isinstance(self.rule, Mean) and not self.steps


def _steps(text: str) -> list[PreAggregation]:
    calls = parse_calls("pre_aggregation", text)
    return [pre_aggregation.make(call.name, **call.params) for call in calls]
