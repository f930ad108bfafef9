"""Any robust rule as a Flower strategy, on weights or on rankings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, TypeAlias

import numpy as np
import torch
from flwr.app import ConfigRecord
from numpy.typing import NDArray
from torch import Tensor

from frl.arrays import Arrays
from frl.errors import InputError
from frl.exchange.channel import Channel
from frl.exchange.forms import Differences, Form, Whole
from frl.exchange.messages import Report
from frl.grids import Roster
from frl.task import Task
from strategies.base import Measured, Redraw, SeededStrategy
from strategies.gate import Admitted, Check, ranking_check, weights_check
from strategies.pre_aggregation import PreAggregation, chain, check_chain, rows_after
from strategies.round_report import Counted
from strategies.rules import Rule, RuleContext, registry
from strategies.rules.base import Space
from strategies.settings import RuleSettings, Weighting
from strategies.stack.posterior import Posterior
from strategies.vote import rank_by

_DEFAULTS = RuleSettings()
_NOTHING = Report(examples=1, loss=0.0, seconds=0.0, steps=0)

RootUpdate: TypeAlias = Callable[[int, Arrays], Arrays]
"""Makes the server's own update from the round and the global state."""
Oracle: TypeAlias = Callable[[int, Sequence[int]], int]
"""Tells the true number of malicious clients from the round and its clients."""

_VELOCITY = "server-velocity"
_FORMS: Mapping[str, Form] = {"ranks": Whole(), "weights": Differences()}
"""The form in which clients send updates unless a channel says otherwise."""


class RuleStrategy(SeededStrategy):
    """Stack the admitted updates in client order, aggregate them by a rule, and step.

    Rule on weights: clients send differences, and the global weights move by ``server_lr`` times
    the aggregate, with server momentum. Rule on ranks: clients send positions, and the next global
    ranking sorts each layer by the aggregate, ties by the previous ranking.

    Parameters
    ----------
    clients, clients_per_round, seed, redraw, members, roster, channel, data_spec, measured
        See :class:`strategies.base.SeededStrategy`.
    rule : str or Rule
        Such as ``"median"`` or ``"multi_krum(f=2)"``. By default the vote on what clients changed,
        which holds where the sum of the published vote falls.
    steps : sequence of PreAggregation
        Applied to the stack, in order, before the rule.
    keep : float
        Share of edges in the mask, for rules on ranks.
    server_lr, server_momentum : float
        For rules on weights.
    weighting : {"uniform", "examples"}
        ``"examples"`` scales each update by the number of examples that its client declares.
    most_weight : int
        The cap.
    most_norm : float
        An update of a larger Euclidean norm is rejected at the gate.
    root : RootUpdate, optional
        For rules that trust an update of the server's own.
    oracle : Oracle, optional
        Tells rules the true number of malicious clients, as in the FRL paper; or they assume ``f``.
    posterior : Posterior, optional
        Makes the next state where clients send the bits of a mask.

    Raises
    ------
    InputError
        If the rule or a step cannot work on this many clients or this kind of update.
    """

    def __init__(
        self,
        *,
        clients: int,
        clients_per_round: int,
        rule: str | Rule = "change_vote",
        steps: Sequence[PreAggregation] = (),
        seed: int = 0,
        redraw: Redraw | None = None,
        members: NDArray[np.int64] | None = None,
        roster: Roster | None = None,
        keep: float = _DEFAULTS.keep,
        server_lr: float = _DEFAULTS.server_lr,
        server_momentum: float = _DEFAULTS.server_momentum,
        weighting: Weighting = _DEFAULTS.weighting,
        most_weight: int = _DEFAULTS.most_weight,
        most_norm: float = _DEFAULTS.most_norm,
        root: RootUpdate | None = None,
        oracle: Oracle | None = None,
        posterior: Posterior | None = None,
        channel: Channel | None = None,
        data_spec: ConfigRecord | None = None,
        measured: Measured | None = None,
    ) -> None:
        rule = registry.from_text(rule) if isinstance(rule, str) else rule
        super().__init__(
            clients=clients,
            clients_per_round=clients_per_round,
            seed=seed,
            redraw=redraw,
            members=members,
            roster=roster,
            channel=channel or Channel(form=_FORMS[rule.space]),
            data_spec=data_spec,
            measured=measured,
        )
        self.rule, self.steps = rule, tuple(steps)
        self.keep = keep
        self.server_lr = server_lr
        self.server_momentum = server_momentum
        self.weighting, self.most_weight = weighting, most_weight
        self.most_norm = most_norm
        self._root, self._oracle, self._posterior = root, oracle, posterior
        self._memory: dict[str, Tensor] = rule.initial_state()
        self._assumed: int | None = rule.assumed_f
        if rule.needs_root and root is None:
            raise InputError(f"{rule!r} needs an update of the server's own (a root shard)")
        check_chain(rule, self.steps, clients_per_round)

    @property
    def space(self) -> Space:
        """Contents of updates and global states: ``"ranks"`` or ``"weights"``."""
        return self.rule.space

    @property
    def assumed_f(self) -> int | None:
        """The rule's ``f`` in the last round."""
        return self._assumed

    @property
    def memory(self) -> dict[str, NDArray[Any]]:
        """State of the rule and of the server's momentum, for a checkpoint."""
        return {name: tensor.cpu().numpy() for name, tensor in self._memory.items()}

    @memory.setter
    def memory(self, memory: Mapping[str, NDArray[Any]]) -> None:
        self._memory = {name: torch.from_numpy(np.array(a)) for name, a in memory.items()}

    def check(self, state: Arrays) -> Check:
        """Admit rankings or what the run's form makes of them, or finite differences."""
        layers = {name: values.size for name, values in state.items()}
        if isinstance(self.form, Differences):
            return weights_check(layers, self.most_norm)
        return ranking_check(layers, self.form)

    def combine(
        self, server_round: int, state: Arrays, admitted: Iterator[Admitted]
    ) -> Arrays | str:
        """Aggregate the round; too few updates keep the state."""
        self.counted = ()
        stack, clients = self._stack(state, admitted, self.sampled)
        if not clients:
            return "no reply was admitted"
        assumed = self._assuming(server_round, clients)
        self._assumed = assumed[0].assumed_f
        try:
            moved, memory, self.counted = self._aggregate(
                server_round, state, stack, clients, assumed
            )
        except InputError as error:
            return str(error)
        self._memory = memory
        return moved

    def preview(self, updates: Sequence[Arrays]) -> Arrays:
        """Return what the rule would make of updates in this round, changing nothing.

        The next ranking, or what the weights move by.
        """
        tasks = (Task(self.round, row, self.seed) for row in range(len(updates)))
        sent = enumerate(map(self._channel.sent, updates, repeat(self._base), tasks))
        numbered = (Admitted(row, update, _NOTHING) for row, update in sent)
        clients = tuple(range(len(updates)))
        stack, _ = self._stack(self._base.state, numbered, clients, weighted=False)
        assumed = self._assuming(self.round, self.sampled)
        moved, _, _ = self._aggregate(self.round, self._base.state, stack, clients, assumed)
        if self.rule.space == "ranks":
            return moved
        return {name: moved[name] - values for name, values in self._base.state.items()}

    def _stack(
        self,
        state: Arrays,
        admitted: Iterable[Admitted],
        sampled: Sequence[int],
        *,
        weighted: bool = True,
    ) -> tuple[Tensor, tuple[int, ...]]:
        """Put updates into the rows of one array, in client order whenever they come."""
        width = sum(values.size for values in state.values())
        dtype = np.int32 if self.rule.space == "ranks" else np.float32
        rows: NDArray[Any] = np.empty((len(sampled), width), dtype=dtype)
        row_of = {client: row for row, client in enumerate(sampled)}
        weights: dict[int, int] = {}
        for reply in admitted:
            row, start = rows[row_of[reply.client]], 0
            for name, values in state.items():
                row[start : start + values.size] = self.form.moved(reply.update[name], values)
                start += values.size
            weights[reply.client] = min(reply.report.examples, self.most_weight)
        clients = tuple(sorted(weights))
        for place, client in enumerate(clients):
            if place != row_of[client]:
                rows[place] = rows[row_of[client]]
        rows = rows[: len(clients)]
        if weighted and self.weighting == "examples" and self.rule.space == "weights":
            shares = np.array([weights[client] for client in clients], dtype=np.float64)
            shares *= len(shares) / max(1.0, shares.sum())
            rows = rows * shares.astype(np.float32)[:, None]
        return torch.from_numpy(rows), clients

    def _aggregate(
        self,
        server_round: int,
        state: Arrays,
        stack: Tensor,
        clients: tuple[int, ...],
        assumed: tuple[Rule, tuple[PreAggregation, ...]],
    ) -> tuple[Arrays, dict[str, Tensor], tuple[Counted, ...]]:
        rule, steps = assumed
        rule.check(rows_after(steps, len(clients)))
        root = self._root(server_round, state) if self._root and rule.needs_root else None
        context = RuleContext(
            clients=clients,
            layers=tuple(values.size for values in state.values()),
            round=server_round,
            seed=self.seed,
            keep=self.keep,
            previous=_flat(state),
            root=None if root is None else _flat(root),
            origin=_flat({name: self.form.unmoved(part) for name, part in state.items()})
            if rule.space == "ranks"
            else None,
        )
        updates, context = chain(steps, stack, context, overwrite=True)
        memory = {n: t for n, t in Posterior.rest(self._memory).items() if n != _VELOCITY}
        aggregate = rule.aggregate(updates, context, memory)
        vector, memory = aggregate.vector, aggregate.state
        counted = (
            tuple(map(Counted, clients, aggregate.weights, aggregate.reasons))
            if len(updates) == len(clients)
            else ()
        )
        if rule.space == "ranks":
            parts = _split(vector, state)
            return {name: rank_by(parts[name], state[name]) for name in state}, memory, counted
        if self._posterior is not None:
            share, voters = _flat(state) + vector, len(clients)
            share, votes = self._posterior.after(share, voters, server_round, self._memory)
            return _split(share, state), {**memory, **votes}, counted
        if self.server_momentum:
            velocity = self._memory.get(_VELOCITY, torch.zeros_like(vector))
            vector = vector + self.server_momentum * velocity
            memory = {**memory, _VELOCITY: vector}
        moves = _split(vector * self.server_lr, state)
        return {name: values + moves[name] for name, values in state.items()}, memory, counted

    def _assuming(
        self, server_round: int, clients: tuple[int, ...]
    ) -> tuple[Rule, tuple[PreAggregation, ...]]:
        """Return rule and steps for the true number of malicious clients, if an oracle tells it."""
        if self._oracle is None:
            return self.rule, self.steps
        f = self._oracle(server_round, clients)
        return self.rule.assuming(f), tuple(step.assuming(f) for step in self.steps)


def _flat(state: Arrays) -> Tensor:
    return torch.from_numpy(np.concatenate([values.reshape(-1) for values in state.values()]))


def _split(vector: Tensor, state: Arrays) -> Arrays:
    values, parts, start = vector.cpu().numpy(), {}, 0
    for name, layer in state.items():
        parts[name] = values[start : start + layer.size]
        start += layer.size
    return parts
