"""Size and speed of every coding on the wire, on one thread.

``python -m experiments.benchmarks.wire [--json]`` prints bits an edge and millions of edges a
second, encoding and decoding together, checksums and validation included. Rankings are made up
(:mod:`experiments.analysis.rankings`). Beside each stands how fast a yardstick ran next to it, a
stable sort of as many bytes: on a machine with other work only their ratio can be compared.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.rankings import CONV8, LENET, base_ranking, moved_ranking
from frl import wire
from frl.arrays import Arrays
from frl.exchange.ballots import ballot
from frl.ranking import Ranking, top_mask

T = TypeVar("T")

MODELS = {"LeNet": LENET, "Conv8": CONV8}
CODINGS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("fixed", {}),
    ("delta", {}),
    *(("ballot", {"bits": bits}) for bits in (1, 2, 3, 4, 6, 8)),
    ("sparse", {"share": 0.5}),
    ("sparse", {"share": 0.1}),
    ("sparse-delta", {"share": 0.5}),
    ("sparse-delta", {"share": 0.1}),
    ("mask", {"keep": 0.5}),
    ("float32", {}),
    ("signs", {}),
    ("topk", {"share": 0.1}),
    ("bernoulli", {}),
    ("palette", {}),
    ("multiples", {}),
)
_VOTES = 25
_YARDS = np.random.default_rng(0).integers(0, 256, 1 << 20, dtype=np.uint8)


@dataclasses.dataclass(frozen=True)
class Row:
    """One coding at one size."""

    model: str
    coding: str
    parameters: dict[str, Any]
    edges: int
    bytes: int
    bits_per_edge: float
    encode_seconds: float
    decode_seconds: float
    million_edges_per_second: float
    yardstick: float
    """Millions of bytes a second that a stable sort takes."""


def rows(models: tuple[str, ...] = tuple(MODELS), repeats: int = 3) -> Iterator[Row]:
    """Measure every coding.

    Parameters
    ----------
    models : tuple of str
        Names of ``MODELS``.
    repeats : int
        The best of this many.
    """
    for model in models:
        for name, parameters in CODINGS:
            yield measure(model, name, parameters, repeats)


def measure(model: str, name: str, parameters: dict[str, Any], repeats: int = 3) -> Row:
    """Measure one coding.

    Parameters
    ----------
    model : str
        One of ``MODELS``.
    name : str
        Of the coding.
    parameters : dict
        Of the coding.
    repeats : int
        The best of this many.
    """
    base, ranking, units = _rankings(model)
    return _measure(model, name, parameters, base, ranking, units, repeats)


@lru_cache(maxsize=1)
def _rankings(model: str) -> tuple[wire.Base, Ranking, dict[str, int]]:
    layers = {name: edges for name, (edges, _) in MODELS[model].items()}
    units = {name: count for name, (_, count) in MODELS[model].items()}
    base = wire.Base(1, base_ranking(layers, seed=0))
    return base, moved_ranking(base.state, units, seed=1), units


def _measure(
    model: str,
    name: str,
    parameters: dict[str, Any],
    base: wire.Base,
    ranking: Ranking,
    units: dict[str, int],
    repeats: int,
) -> Row:
    coding = wire.codings.make(name, **parameters)
    layers = {layer: int(positions.size) for layer, positions in ranking.items()}
    if name in ("bernoulli", "palette", "multiples"):
        base, update = _shares(name, base, ranking)
    else:
        update = _update(name, parameters, ranking)
    message, encode_seconds = _best(
        lambda: wire.encode(update, coding, base=base, rows=units), repeats
    )
    _, decode_seconds = _best(lambda: wire.decode(message, layers, coding, base=base), repeats)
    edges = sum(layers.values())
    return Row(
        model=model,
        coding=name,
        parameters=parameters,
        edges=edges,
        bytes=len(message),
        bits_per_edge=8 * len(message) / edges,
        encode_seconds=encode_seconds,
        decode_seconds=decode_seconds,
        million_edges_per_second=edges / (encode_seconds + decode_seconds) / 1e6,
        yardstick=_YARDS.size / _best(lambda: _YARDS.argsort(kind="stable"), repeats)[1] / 1e6,
    )


def _update(name: str, parameters: dict[str, Any], ranking: Ranking) -> Arrays:
    if name == "ballot":
        return {layer: ballot(p, parameters["bits"]) for layer, p in ranking.items()}
    if name == "mask":
        return {layer: top_mask(p, parameters["keep"]) for layer, p in ranking.items()}
    if name in ("float32", "signs", "topk"):
        return {layer: (p / p.size - 0.5).astype(np.float32) for layer, p in ranking.items()}
    return ranking


def _shares(name: str, base: wire.Base, ranking: Ranking) -> tuple[wire.Base, Arrays]:
    """Make up shares of votes, and what of the next round is coded given them."""
    rng = np.random.default_rng(2)
    if name == "multiples":
        given = {layer: np.zeros(p.size, np.float32) for layer, p in ranking.items()}
        steps = {n: 2 * rng.integers(0, 2, p.size) - 1 for n, p in ranking.items()}
        return wire.Base(1, given), {n: s.astype(np.float32) / 512 for n, s in steps.items()}
    shares = {n: _share(p) for n, p in base.state.items()}
    if name == "palette":
        return wire.Base(1, shares), {n: _share(p) for n, p in ranking.items()}
    bits = {n: (rng.random(p.size) < p).astype(np.uint8) for n, p in shares.items()}
    return wire.Base(1, shares), bits


def _share(positions: NDArray[np.int32]) -> NDArray[np.float32]:
    """Turn ranks into one of 26 shares."""
    return np.float32(1 / _VOTES) * np.rint(_VOTES * positions / positions.size).astype(np.float32)


def _best(call: Callable[[], T], repeats: int) -> tuple[T, float]:
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        result = call()
        seconds.append(time.process_time() - start)
    return result, min(seconds)


def main() -> None:
    """Print a table, or one JSON array."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--model", choices=tuple(MODELS), action="append")
    given = parser.parse_args()
    measured = rows(tuple(given.model or MODELS))
    if given.json:
        sys.stdout.write(json.dumps([dataclasses.asdict(row) for row in measured]) + "\n")
        return
    for row in measured:
        parameters = ", ".join(f"{key} {value}" for key, value in row.parameters.items())
        sys.stdout.write(
            f"{row.model:6} {row.coding:13} {parameters:9} {row.bytes:>11,} bytes "
            f"{row.bits_per_edge:7.3f} bits an edge {row.million_edges_per_second:7.1f} M edges/s, "
            f"{row.million_edges_per_second / row.yardstick:5.3f} of the yardstick\n"
        )


if __name__ == "__main__":
    main()
