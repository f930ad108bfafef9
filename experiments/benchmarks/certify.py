"""Certificates of a round: beside the vote they are about, and as layers grow."""

from __future__ import annotations

from math import log2

import numpy as np

from experiments.analysis.rankings import LENET, base_ranking, moved_ranking
from experiments.benchmarks.row import Row, cpu_seconds
from frl.one_thread import one_thread
from frl.ranking import Ranking
from strategies.certificates import Honest, Parts, certify, reach
from strategies.gate import ranking_check
from strategies.rules.sum import Sum
from strategies.vote import Vote

_VOTERS = 25
_MALICIOUS = 5
_REPEATS = 3
NAMES = ("certify-time", "certify-growth")


def measure(name: str) -> Row:
    """Measure certificates of the sum of 25 made-up rankings, one thread."""
    with one_thread():
        return _time() if name == "certify-time" else _growth()


def _time() -> Row:
    layers = {layer: edges for layer, (edges, _) in LENET.items()}
    previous, ballots = _round(LENET)

    def vote() -> Ranking:
        check, running = ranking_check(layers), Vote(previous)
        for ballot in ballots:
            check(ballot)
            running.add(ballot)
        return running.result()

    ranking = vote()
    voted = min(cpu_seconds(vote) for _ in range(_REPEATS))
    proved = min(cpu_seconds(lambda: _certify(previous, ballots, ranking)) for _ in range(_REPEATS))
    return Row(
        "certify-time",
        f"LeNet, {_VOTERS} votes, M = {_MALICIOUS}: certificate / checked vote",
        proved / voted,
        3.0,
        "lower",
        {"certificate_s": proved, "checked_vote_s": voted},
    )


def _growth() -> Row:
    seconds = {}
    for edges in (2**18, 2**21):
        previous, ballots = _round({"one": (edges, 64)})
        vote = Vote(previous)
        for ballot in ballots:
            vote.add(ballot)
        ranking = vote.result()
        seconds[edges] = min(
            cpu_seconds(lambda: _certify(previous, ballots, ranking))  # noqa: B023
            for _ in range(_REPEATS)
        )
    (few, first), (many, second) = seconds.items()
    return Row(
        "certify-growth",
        "certificate of 2^21 edges / of 2^18, beside n log n",
        second / first / (many * log2(many) / (few * log2(few))),
        2.0,
        "lower",
        {f"seconds_{edges}_edges": spent for edges, spent in seconds.items()},
    )


def _round(layers: dict[str, tuple[int, int]]) -> tuple[Ranking, list[Ranking]]:
    previous = base_ranking({layer: edges for layer, (edges, _) in layers.items()}, 0)
    rows = {layer: units for layer, (_, units) in layers.items()}
    ballots = [moved_ranking(previous, rows, seed) for seed in range(5)]
    return previous, [ballots[voter % 5] for voter in range(_VOTERS)]


def _certify(previous: Ranking, ballots: list[Ranking], ranking: Ranking) -> None:
    for layer, positions in previous.items():
        n = positions.size
        honest = Honest(np.stack([b[layer] for b in ballots]), np.arange(n), positions)
        bound = reach(Sum(), honest, _MALICIOUS, _VOTERS + _MALICIOUS)
        certify(bound, ranking[layer], positions, Parts(0, n // 2))
