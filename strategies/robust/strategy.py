"""Any of Flower's averaging strategies behind a gate and a robust rule."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.errors import InputError
from strategies.pre_aggregation import PreAggregation
from strategies.robust.detection import Verdict, append_lines, as_metrics, suspects, verdicts
from strategies.robust.differences import mean, stacked
from strategies.robust.evaluation import Evaluation
from strategies.robust.inner import aggregate_one, require_fit, weighs_by_examples, with_arrays
from strategies.robust.limits import Limits
from strategies.robust.memory import Past, as_arrays, from_arrays, into_inner, of_inner
from strategies.robust.model_state import ModelState
from strategies.robust.reference import Reference, ServerTraining
from strategies.robust.reply_gate import Admitted, TrainGate, collect
from strategies.robust.ruling import Ruled, Ruling
from strategies.robust.suspicion import Suspicion
from strategies.robust.weighting import require_weighting, shares
from strategies.rules import Rule
from strategies.settings import Weighting

log = logging.getLogger(__name__)


class Robust(Strategy):
    """A strategy of Flower's FedAvg family that misbehaving clients cannot stop or steer.

    Clients, models and the loop of the app stay as they are: clients send whole parameters. Every
    reply passes a gate: it must answer a message of the round, once, with arrays of the names,
    shapes and types that were sent, finite, not absurdly far away, and with metrics like those of
    most clients. A rule aggregates the differences to the state that was sent, and the inner
    strategy gets the moved state as its only reply, so that its optimiser takes the step. What is
    a buffer, and what becomes of it: :mod:`strategies.robust.model_state`. Metrics are averaged by
    the inner strategy's own functions over the clients that the gate admitted.

    With the rule ``mean`` and clients that behave, the state moves as under the inner strategy
    alone, to rounding, except for buffers; the types of its arrays stay those it began with.

    Parameters
    ----------
    inner : Strategy
    rule : str or Rule
        Such as ``"median"``, ``"multi_krum(f=2)"``, or what :func:`strategies.rules.make` gives.
    pre_aggregation : str or sequence of PreAggregation
        Such as ``"nnm(f=2)"``.
    gate : Limits
    at_most : int, optional
        Suspects that a round may have: clients whose reply the gate rejected for what it held, or
        that the rule dropped (weight below 0.05). By default any number. A client that failed or
        was late is no suspect. A rule that always drops a number of clients needs at least that.
    otherwise : {"keep", "stop"}
        What a round with more does: keep the state, or end the run.
    weighting : {"uniform", "examples"}, optional
        Whether clients count the same, or by the number of examples that they declare; by default
        as the inner strategy does for the rule ``mean``, otherwise the same.
    seed : int
        Of rules that draw.
    root : ServerTraining, optional
        For rules that compare clients with the server's own update (``fltrust``): takes the round
        and the state, and returns it trained on data of the server's own, as a client would.
    detection_file : path, optional
        File to which every round adds a JSON line a node.

    Attributes
    ----------
    verdicts : tuple of Verdict
        Of the last round.
    memory : dict of str to array
        What rule and inner strategy remember; set it to go on where it was taken.

    Raises
    ------
    InputError
        If the inner strategy does not fit, by name and with the reason, or a part is unknown.
    """

    def __init__(
        self,
        inner: Strategy,
        *,
        rule: str | Rule = "median",
        pre_aggregation: str | Sequence[PreAggregation] = (),
        gate: Limits | None = None,
        at_most: int | None = None,
        otherwise: Literal["keep", "stop"] = "keep",
        weighting: Weighting | None = None,
        seed: int = 0,
        root: ServerTraining | None = None,
        detection_file: str | Path | None = None,
    ) -> None:
        self.inner = require_fit(inner)
        self.limits = gate or Limits()
        self._suspicion = Suspicion(at_most, otherwise)
        self.verdicts: tuple[Verdict, ...] = ()
        self._ruling = Ruling(rule, pre_aggregation, seed, has_root=root is not None)
        self._reference = None if root is None else Reference(root, self.limits)
        follows = self._ruling.is_mean and weighs_by_examples(self.inner)
        self.weighting = weighting or ("examples" if follows else "uniform")
        self._file = None if detection_file is None else Path(detection_file)
        self._clients: dict[int, int] = {}
        self._asked: list[tuple[Message, int]] = []
        self._state: ModelState | None = None
        self._evaluation = Evaluation((), self.inner.weighted_by_key, self.limits)
        self._before = self._round = self._done = 0
        self._sizes: tuple[int, ...] = ()
        if not isinstance(self.limits, Limits):
            raise InputError(f"gate: got {gate!r}; takes strategies.Limits(...)")
        require_weighting(self.weighting)
        if self._file is not None and not self._file.parent.is_dir():
            raise InputError(f"detection_file: {self._file.parent} is no folder")
        self._suspicion.require_telling(self._ruling.rule)

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> list[Message]:
        """Let the inner strategy ask, and remember whom and with what.

        Raises
        ------
        InputError
            If the state cannot be aggregated (see
            :class:`strategies.robust.model_state.ModelState`), or is of another model than before.
        """
        self._round, self._state = self._before + server_round, ModelState(arrays)
        if self._sizes not in ((), self._state.sizes):
            raise InputError("initial_arrays: the memory is of a model with other layers")
        self._sizes = self._state.sizes
        shown = self._state.only_ruled(arrays)
        messages = list(self.inner.configure_train(self._round, shown, config, grid))
        if self._state.buffers:
            with_arrays(messages, arrays)
        self._asked = [(message, message.metadata.dst_node_id) for message in messages]
        for node in sorted({node for _, node in self._asked} - self._clients.keys()):
            self._clients[node] = len(self._clients)
        return messages

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Judge each reply, rule, and let the inner strategy step.

        Returns
        -------
        (ArrayRecord or None, MetricRecord or None)
            The next state, or the one that was sent where it is kept; the metrics of the inner
            strategy, and those of :func:`strategies.robust.detection.as_metrics`. ``None`` where
            nobody was asked.

        Raises
        ------
        StoppedError
            If there are more suspects than ``at_most``, and ``otherwise`` is ``"stop"``.
        """
        if self._state is None or not self._asked:
            return self.inner.aggregate_train(self._round, [])
        gate = TrainGate(self._asked, self._state, self.limits, self.inner.weighted_by_key)
        self._asked = []
        admitted, rejected = collect(gate, replies, self._clients)
        found = self._ruled(admitted)
        ruled = None if isinstance(found, str) else found
        self.verdicts = verdicts(self._round, self._clients, admitted, rejected, ruled)
        if self._file is not None:
            append_lines(self._file, self.verdicts)
        moved = found if isinstance(found, str) else self._moved(admitted, found)
        kept = isinstance(moved, str)
        told = as_metrics(self.verdicts, kept=kept)
        self._done = self._round
        if isinstance(moved, str):
            log.warning("round %d: the global state is kept: %s", self._round, moved)
            return self._state.record, told
        arrays, metrics = moved
        return arrays, MetricRecord({**(metrics or {}), **told})

    def _ruled(self, admitted: Sequence[Admitted]) -> Ruled | str:
        """Aggregate what was admitted, or say why that cannot be done."""
        assert self._state is not None
        if not admitted:
            return "no reply was admitted"
        parts = shares(admitted, self.weighting)
        if parts is None:
            return "the clients declare no examples"
        replies = [reply.arrays for reply in admitted]
        if self._ruling.is_mean:
            return Ruled(mean(self._state, replies, parts))
        rows = stacked(self._state, replies)
        if self.weighting == "examples":
            rows *= (parts * len(parts)).astype(np.float32)[:, None]
        clients = [self._clients[reply.node] for reply in admitted]
        root = self._root(self._state)
        try:
            return self._ruling(rows, clients, self._state, self._round, root)
        except InputError as error:
            return str(error)

    def _moved(
        self, admitted: Sequence[Admitted], ruled: Ruled
    ) -> tuple[ArrayRecord, MetricRecord | None] | str:
        """Let the inner strategy step to what was ruled, or say why the state is kept."""
        assert self._state is not None
        found = suspects(self.verdicts)
        if why := self._suspicion.complaint(self._round, found):
            return why
        counting = [reply for reply in admitted if reply.node not in found] or list(admitted)
        parts = shares(counting, self.weighting) if self._ruling.is_mean else None
        buffers = self._state.carried([reply.arrays for reply in counting], parts)
        step = self._state.moved(ruled.vector)
        before = of_inner(self.inner)
        try:
            arrays, metrics = aggregate_one(self.inner, self._round, step, admitted)
            if arrays is None:
                return f"{type(self.inner).__name__} returned none"
            completed = self._state.completed(arrays, buffers)
        except Exception as error:  # of metrics that only some clients send, or of a step too far
            into_inner(self.inner, before)
            return f"{type(self.inner).__name__}: {type(error).__name__}: {error}"
        self._ruling.remember(ruled)
        return completed, metrics

    def _root(self, state: ModelState) -> NDArray[np.float32] | None:
        return None if self._reference is None else self._reference(self._round, state)

    def preview(self, updates: Sequence[Arrays]) -> Arrays:
        """Return what the rule would make of differences in the round under way.

        It changes nothing. For attacks that query the server's rule.

        Parameters
        ----------
        updates : sequence of Arrays
            Flat differences of the arrays that are no buffers, by name.
        """
        if self._state is None:
            raise InputError("preview: takes a round that has begun")
        state = self._state
        rows = np.stack([state.joined(update) for update in updates])
        clients = range(len(updates))
        vector = self._ruling(rows, clients, state, self._round, self._root(state)).vector
        return {name: part.reshape(-1) for name, part in state.split(vector).items()}

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> list[Message]:
        """Let the inner strategy ask, and remember whom."""
        number = self._before + server_round
        messages = list(self.inner.configure_evaluate(number, arrays, config, grid))
        self._evaluation = Evaluation(messages, self.inner.weighted_by_key, self.limits)
        return messages

    def aggregate_evaluate(
        self, server_round: int, replies: Iterable[Message]
    ) -> MetricRecord | None:
        """Let the inner strategy average the metrics that pass the gate; ``None`` if it cannot."""
        admitted = self._evaluation.admitted(replies)
        try:
            return self.inner.aggregate_evaluate(self._before + server_round, admitted)
        except Exception as error:  # of metrics that only some clients send
            log.warning("evaluation: %s: %s", type(self.inner).__name__, error)
            return None

    @property
    def memory(self) -> Arrays:
        """What rule and inner strategy remember after the rounds that are done.

        With the state, all that is needed to go on: set it on a strategy that is made in the same
        way, whose first round is then the next of the run.
        """
        rule, inner = self._ruling.memory, of_inner(self.inner)
        past = Past(self._done, tuple(self._clients), self._sizes, rule, inner)
        return as_arrays(past, self._made_by)

    @memory.setter
    def memory(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        past = from_arrays(arrays, self._made_by)
        self._before = self._round = self._done = past.round
        self._clients = {node: client for client, node in enumerate(past.nodes)}
        self._sizes, self._ruling.memory = past.sizes, past.rule
        into_inner(self.inner, past.inner)

    @property
    def _made_by(self) -> str:
        return f"{type(self.inner).__name__} behind {self._ruling!r}"

    def summary(self) -> None:
        """Log the configuration."""
        log.info("Robust: %r, weighting %s", self._ruling, self.weighting)
        self.inner.summary()
