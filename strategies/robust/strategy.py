"""Any of Flower's averaging strategies behind a gate and a robust rule."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy
from numpy.typing import NDArray

from frl.arrays import Arrays
from frl.errors import InputError, MessageError, StoppedError
from strategies.pre_aggregation import PreAggregation
from strategies.robust.detection import Verdict, append_lines, as_metrics, suspects, verdicts
from strategies.robust.differences import mean, stacked
from strategies.robust.evaluation import Evaluation
from strategies.robust.inner import aggregate_one, require_fit, weighs_by_examples, with_arrays
from strategies.robust.limits import Limits
from strategies.robust.model_state import ModelState
from strategies.robust.reply_gate import Admitted, TrainGate, collect
from strategies.robust.ruling import Ruled, Ruling
from strategies.rules import Rule
from strategies.rules.krum import Krum

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
    detection_file : path, optional
        File to which every round adds a JSON line a node.

    Attributes
    ----------
    verdicts : tuple of Verdict
        Of the last round.

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
        weighting: Literal["uniform", "examples"] | None = None,
        seed: int = 0,
        detection_file: str | Path | None = None,
    ) -> None:
        self.inner = require_fit(inner)
        self.limits = gate or Limits()
        self.at_most, self.otherwise = at_most, otherwise
        self.verdicts: tuple[Verdict, ...] = ()
        self._ruling = Ruling(rule, pre_aggregation, seed)
        follows = self._ruling.is_mean and weighs_by_examples(self.inner)
        self.weighting = weighting or ("examples" if follows else "uniform")
        self._file = None if detection_file is None else Path(detection_file)
        self._clients: dict[int, int] = {}
        self._asked: list[tuple[Message, int]] = []
        self._state: ModelState | None = None
        self._record = ArrayRecord()
        self._evaluation = Evaluation((), self.inner.weighted_by_key, self.limits)
        self._round = 0
        if not isinstance(self.limits, Limits):
            raise InputError(f"gate: got {gate!r}; takes strategies.Limits(...)")
        if at_most is not None and at_most < 0:
            raise InputError(f"at_most: got {at_most}; takes 0 or more")
        if otherwise not in ("keep", "stop"):
            raise InputError(f"otherwise: got {otherwise!r}; takes 'keep' or 'stop'")
        if self.weighting not in ("uniform", "examples"):
            raise InputError(f"weighting: got {weighting!r}; takes 'uniform' or 'examples'")
        if self._file is not None and not self._file.parent.is_dir():
            raise InputError(f"detection_file: {self._file.parent} is no folder")
        if at_most is not None and isinstance(self._ruling.rule, Krum):
            raise InputError(
                f"at_most: {self._ruling.rule!r} drops all updates but one, so it tells nobody "
                "apart; takes multi_krum, or no at_most"
            )

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> list[Message]:
        """Let the inner strategy ask, and remember whom and with what.

        Raises
        ------
        InputError
            If the state cannot be aggregated; see
            :class:`strategies.robust.model_state.ModelState`.
        """
        self._round, self._record, self._state = server_round, arrays, ModelState(arrays)
        shown = self._state.only_ruled(arrays)
        messages = list(self.inner.configure_train(server_round, shown, config, grid))
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
            return self.inner.aggregate_train(server_round, [])
        gate = TrainGate(self._asked, self._state, self.limits, self.inner.weighted_by_key)
        self._asked = []
        admitted, rejected = collect(gate, replies, self._clients)
        found = self._ruled(server_round, admitted)
        ruled = None if isinstance(found, str) else found
        self.verdicts = verdicts(server_round, self._clients, admitted, rejected, ruled)
        if self._file is not None:
            append_lines(self._file, self.verdicts)
        moved = found if isinstance(found, str) else self._moved(server_round, admitted, found)
        kept = isinstance(moved, str)
        told = as_metrics(self.verdicts, kept=kept)
        if isinstance(moved, str):
            log.warning("round %d: the global state is kept: %s", server_round, moved)
            return self._record, told
        arrays, metrics = moved
        return arrays, MetricRecord({**(metrics or {}), **told})

    def _ruled(self, server_round: int, admitted: Sequence[Admitted]) -> Ruled | str:
        """Aggregate what was admitted, or say why that cannot be done."""
        assert self._state is not None
        if not admitted:
            return "no reply was admitted"
        shares = self._shares(admitted)
        if shares is None:
            return "the clients declare no examples"
        replies = [reply.arrays for reply in admitted]
        if self._ruling.is_mean:
            return Ruled(mean(self._state, replies, shares))
        rows = stacked(self._state, replies)
        if self.weighting == "examples":
            rows *= (shares * len(shares)).astype(np.float32)[:, None]
        clients = [self._clients[reply.node] for reply in admitted]
        try:
            return self._ruling(rows, clients, self._state, server_round)
        except InputError as error:
            return str(error)

    def _moved(
        self, server_round: int, admitted: Sequence[Admitted], ruled: Ruled
    ) -> tuple[ArrayRecord, MetricRecord | None] | str:
        """Let the inner strategy step to what was ruled, or say why the state is kept."""
        assert self._state is not None
        found = suspects(self.verdicts)
        if self.at_most is not None and len(found) > self.at_most:
            why = f"{len(found)} suspects, more than at_most = {self.at_most}"
            if self.otherwise == "stop":
                raise StoppedError(f"round {server_round}: {why}: nodes {sorted(found)}")
            return why
        counting = [reply for reply in admitted if reply.node not in found] or list(admitted)
        shares = self._shares(counting) if self._ruling.is_mean else None
        buffers = self._state.carried([reply.arrays for reply in counting], shares)
        step = self._state.moved(ruled.vector)
        arrays, metrics = aggregate_one(self.inner, server_round, step, admitted)
        if arrays is None:
            return f"{type(self.inner).__name__} returned none"
        try:
            completed = self._state.completed(arrays, buffers)
        except MessageError as error:
            return f"{type(self.inner).__name__}: {error}"
        self._ruling.remember(ruled)
        return completed, metrics

    def _shares(self, replies: Sequence[Admitted]) -> NDArray[np.float64] | None:
        """Weights of sum 1, or ``None`` where nobody declares an example."""
        examples = np.array([reply.examples for reply in replies], dtype=np.float64)
        if not examples.sum() > 0:
            return None
        return examples / examples.sum() if self.weighting == "examples" else _equal(len(replies))

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
        rows = np.stack(
            [
                np.concatenate([update[name].reshape(-1) for name in state.ruled])
                for update in updates
            ]
        ).astype(np.float32)
        vector = self._ruling(rows, range(len(updates)), state, self._round).vector
        return {name: part.reshape(-1) for name, part in state.split(vector).items()}

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> list[Message]:
        """Let the inner strategy ask, and remember whom."""
        messages = list(self.inner.configure_evaluate(server_round, arrays, config, grid))
        self._evaluation = Evaluation(messages, self.inner.weighted_by_key, self.limits)
        return messages

    def aggregate_evaluate(
        self, server_round: int, replies: Iterable[Message]
    ) -> MetricRecord | None:
        """Let the inner strategy average the metrics that pass the gate."""
        return self.inner.aggregate_evaluate(server_round, self._evaluation.admitted(replies))

    def summary(self) -> None:
        """Log the configuration."""
        steps = "".join(f"{step!r}, then " for step in self._ruling.steps)
        log.info("Robust: %s%r, weighting %s", steps, self._ruling.rule, self.weighting)
        self.inner.summary()


def _equal(number: int) -> NDArray[np.float64]:
    return np.full(number, 1 / number)
