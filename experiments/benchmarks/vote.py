"""The vote: 25 rankings of a Conv8, against sorting each ranking and then the sum in torch."""

from __future__ import annotations

import tracemalloc

import numpy as np
import torch

from experiments.benchmarks.row import Row, cpu_seconds
from frl import models
from frl.models import DataShape, initial_scores
from frl.one_thread import one_thread
from frl.ranking import Ranking, rank
from strategies.gate import ranking_check
from strategies.vote import Vote

_VOTERS = 25
_REPEATS = 3
NAMES = ("vote-time", "vote-memory")


def _rankings() -> tuple[Ranking, list[Ranking]]:
    """One global ranking and five different ballots, dealt out five times."""
    module = models.make("conv8", DataShape((3, 32, 32), 10))
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


def _ours(previous: Ranking, ballots: list[Ranking], voters: int) -> Ranking:
    check = ranking_check({name: positions.size for name, positions in previous.items()})
    vote = Vote(previous)
    for voter in range(voters):
        ballot = ballots[voter % len(ballots)]
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
    """Measure the time or the memory of the vote, one thread."""
    previous, ballots = _rankings()
    edges = sum(positions.size for positions in previous.values())
    with one_thread():
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
