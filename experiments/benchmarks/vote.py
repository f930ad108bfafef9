"""Votes of 25 rankings: the published one beside sorts in torch, the change vote beside that."""

from __future__ import annotations

import tracemalloc

import numpy as np
import torch

from experiments.benchmarks.row import Row, cpu_seconds
from frl import models
from frl.models import DataShape, initial_scores
from frl.one_thread import one_thread
from frl.ranking import Ranking, rank
from strategies import rules
from strategies.gate import ranking_check
from strategies.rules.base import RuleContext, RuleState
from strategies.vote import Vote, rank_by

_VOTERS = 25
_REPEATS = 3
NAMES = ("vote-time", "vote-memory", "change-vote")
_CONV8, _LENET = ("conv8", DataShape((3, 32, 32), 10)), ("lenet", DataShape((1, 28, 28), 10))


def _rankings(name: str, shape: DataShape) -> tuple[Ranking, list[Ranking]]:
    """One global ranking and five different ballots, dealt out five times."""
    module = models.make(name, shape)
    scores = initial_scores(module, 0)
    rng = np.random.default_rng(0)
    previous = {name: rank(values) for name, values in scores.items()}
    ballots = [
        {
            name: rank(values + rng.normal(0, values.std(), values.size).astype(np.float32))
            for name, values in scores.items()
        }
        for _ in range(5)
    ]
    return previous, ballots


def _ours(
    previous: Ranking, ballots: list[Ranking], voters: int, *, checked: bool = True
) -> Ranking:
    check = ranking_check({name: positions.size for name, positions in previous.items()})
    vote = Vote(previous)
    for voter in range(voters):
        ballot = ballots[voter % len(ballots)]
        if checked:
            check(ballot)
        vote.add(ballot)
    return vote.result()


def _argsorts(orders: list[dict[str, torch.Tensor]], voters: int) -> dict[str, torch.Tensor]:
    """Invert each sort order by another sort, add up, sort the sum: int64, one after another."""
    result = {}
    for name in orders[0]:
        total = torch.zeros_like(orders[0][name])
        for voter in range(voters):
            total += torch.argsort(orders[voter % len(orders)][name])
        result[name] = torch.argsort(total)
    return result


def measure(name: str) -> Row:
    """Measure the time or the memory of a vote, one thread."""
    previous, ballots = _rankings(*(_LENET if name == "change-vote" else _CONV8))
    edges = sum(positions.size for positions in previous.values())
    with one_thread():
        if name == "change-vote":
            return _changes(previous, ballots, edges)
        if name == "vote-time":
            return _time(previous, ballots, edges)
        return _memory(previous, ballots)


def _time(previous: Ranking, ballots: list[Ranking], edges: int) -> Row:
    orders = [
        {name: torch.argsort(torch.from_numpy(values)) for name, values in ballot.items()}
        for ballot in ballots
    ]
    ours = min(cpu_seconds(lambda: _ours(previous, ballots, _VOTERS)) for _ in range(_REPEATS))
    theirs = cpu_seconds(lambda: _argsorts(orders, _VOTERS))
    return Row(
        "vote-time",
        f"{_VOTERS} rankings of {edges:,} edges: argsort each and sum / checked vote",
        theirs / ours,
        12.0,
        "higher",
        {"argsort_and_sum_s": theirs, "checked_vote_s": ours},
    )


def _changes(previous: Ranking, ballots: list[Ranking], edges: int) -> Row:
    """Time a change vote that remembers the round before, less the sum; neither checks ballots."""
    rule = rules.make("change_vote")
    dealt = [ballots[voter % len(ballots)] for voter in range(_VOTERS)]
    layers = tuple(positions.size for positions in previous.values())
    before = torch.from_numpy(np.concatenate(list(previous.values())))
    context = RuleContext(tuple(range(_VOTERS)), layers, previous=before)

    def changes(memory: RuleState) -> RuleState:
        rows = np.empty((_VOTERS, edges), dtype=np.int32)
        for row, each in zip(rows, dealt, strict=True):
            np.concatenate(list(each.values()), out=row)
        moved = rule.aggregate(torch.from_numpy(rows), context, memory)
        parts = np.split(moved.vector.numpy(), np.cumsum(layers)[:-1])
        for part, positions in zip(parts, previous.values(), strict=True):
            rank_by(part, positions)
        return moved.state

    memory = changes(rule.initial_state())
    voted = min(cpu_seconds(lambda: changes(memory)) for _ in range(_REPEATS))
    added = min(
        cpu_seconds(lambda: _ours(previous, ballots, _VOTERS, checked=False))
        for _ in range(_REPEATS)
    )
    return Row(
        "change-vote",
        f"{_VOTERS} rankings of {edges:,} edges: seconds of a change vote over those of the sum",
        voted - added,
        0.5,
        "lower",
        {"change_vote_s": voted, "sum_s": added},
    )


def _memory(previous: Ranking, ballots: list[Ranking]) -> Row:
    peaks = {voters: _peak(previous, ballots, voters) for voters in (_VOTERS, 10 * _VOTERS)}
    return Row(
        "vote-memory",
        f"peak memory of the vote: {10 * _VOTERS} voters / {_VOTERS} voters",
        peaks[10 * _VOTERS] / peaks[_VOTERS],
        1.01,
        "lower",
        {f"peak_mb_{voters}_voters": peak / 1e6 for voters, peak in peaks.items()},
    )


def _peak(previous: Ranking, ballots: list[Ranking], voters: int) -> int:
    tracemalloc.start()
    try:
        _ours(previous, ballots, voters)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
