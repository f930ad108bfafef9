"""CPU seconds of every aggregation rule and pre-aggregation, beside ByzFL's of the same name.

ByzFL takes torch tensors and numpy arrays, and which is faster depends on the rule; both are timed.

Run ``python -m experiments.benchmarks.rules [--json] [--small] [NAME ...]``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from experiments.benchmarks import byzfl_reference
from frl.errors import unknown
from frl.registry import Registry
from strategies import pre_aggregation, rules
from strategies.rules.base import RuleContext

BYZFL = {
    "arc": "ARC",
    "bucketing": "Bucketing",
    "caf": "CAF",
    "centered_clipping": "CenteredClipping",
    "clipping": "Clipping",
    "geometric_median": "GeometricMedian",
    "krum": "Krum",
    "mda": "MDA",
    "meamed": "Meamed",
    "mean": "Average",
    "median": "Median",
    "multi_krum": "MultiKrum",
    "nnm": "NNM",
    "trimmed_mean": "TrMean",
}
_BYZFL_ARGUMENTS: dict[str, dict[str, Any]] = {"bucketing": {"s": 2}, "clipping": {"c": 2.0}}
_TAKES_F = {"arc", "caf", "krum", "mda", "meamed", "multi_krum", "nnm", "trimmed_mean"}
_QUICK_SECONDS = 2.0
_REPEATS = 5


class Row(NamedTuple):
    """Figures of one rule.

    Attributes
    ----------
    name : str
    space : str
        What it worked on: ``"weights"`` or ``"ranks"``.
    seconds : float
        CPU seconds of one call on one thread, median of some repeats.
    byzfl_torch, byzfl_numpy : float or None
        The same of ByzFL's rule, on a tensor and on an array; ``None`` if it has no such rule or is
        not installed.
    ratio : float or None
        The smaller of the two over ``seconds``: how many times faster this one is.
    note : str
        Why there is no comparison.
    """

    name: str
    space: str
    seconds: float
    byzfl_torch: float | None
    byzfl_numpy: float | None
    ratio: float | None
    note: str


def rows(
    d: int = 5_275_840, n: int = 25, f: int = 5, names: Iterable[str] | None = None
) -> list[Row]:
    """Measure rules and pre-aggregations on one thread.

    Parameters
    ----------
    d, n, f : int
        Coordinates, clients, and malicious clients assumed.
    names : Iterable[str], optional
        What to measure; everything registered by default.

    Raises
    ------
    InputError
        If a name is not registered.
    """
    everything = (*rules.list(), *pre_aggregation.list())
    chosen = everything if names is None else tuple(names)
    for name in chosen:
        if name not in everything:
            raise unknown("rule or pre-aggregation", name, everything)
    reference = byzfl_reference.load()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        stacks = _Stacks(d, n)
        return [_measure(name, stacks, f, reference) for name in chosen]
    finally:
        torch.set_num_threads(threads)


class _Stacks:
    """Updates and rankings to work on; one of the two is held at a time."""

    def __init__(self, d: int, n: int) -> None:
        self.layers = (d // 2, d - d // 2)
        self.n = n
        self._space = ""
        self._stack = torch.empty(0)

    def get(self, space: str) -> Tensor:
        if space != self._space:
            self._stack = torch.empty(0)
            random = np.random.default_rng(0)
            if space == "weights":
                values: Any = random.standard_normal((self.n, sum(self.layers)), dtype=np.float32)
            else:
                values = np.empty((self.n, sum(self.layers)), dtype=np.int32)
                for row in values:
                    row[:] = np.concatenate([random.permutation(size) for size in self.layers])
            self._space, self._stack = space, torch.from_numpy(values)
        return self._stack


def _measure(name: str, stacks: _Stacks, f: int, reference: Any) -> Row:
    is_rule = name in rules.list()
    registry: Registry[Any] = rules.registry if is_rule else pre_aggregation.registry
    takes_f = any(parameter.name == "f" for parameter in registry.parameters(name))
    entry = registry.make(name, **({"f": f} if takes_f else {}))
    space = entry.space if is_rule else "weights"
    stack = stacks.get(space)
    context = RuleContext(
        clients=tuple(range(len(stack))), layers=stacks.layers, previous=stack[0], root=stack[0]
    )
    if is_rule:
        seconds = _seconds(lambda given: entry.aggregate(given, context, {}), stack, fresh=False)
    else:
        seconds = _seconds(
            lambda given: entry.apply(given, context, overwrite=True), stack, fresh=True
        )
    if name not in BYZFL:
        return Row(name, space, seconds, None, None, None, "ByzFL has none")
    if reference is None:
        return Row(name, space, seconds, None, None, None, "byzfl is not installed")
    arguments = {"f": f} if name in _TAKES_F else _BYZFL_ARGUMENTS.get(name, {})

    def theirs(given: Tensor | NDArray[np.float32]) -> object:
        return getattr(reference, BYZFL[name])(**arguments)(given)

    on_torch = _seconds(theirs, stack, fresh=not is_rule)
    on_numpy = _seconds(lambda given: theirs(given.numpy()), stack, fresh=not is_rule)
    return Row(name, space, seconds, on_torch, on_numpy, min(on_torch, on_numpy) / seconds, "")


def _seconds(call: Callable[[Tensor], object], stack: Tensor, *, fresh: bool) -> float:
    """Time a call; ``fresh`` gives it a copy each time, for what may write to its input."""
    taken: list[float] = []
    while len(taken) < _REPEATS and sum(taken) < _QUICK_SECONDS:
        given = stack.clone() if fresh else stack
        begin = time.process_time()
        call(given)
        taken.append(time.process_time() - begin)
    return statistics.median(taken)


def table(measured: Iterable[Row]) -> str:
    """Lay rows out as text."""
    title = f"{'rule':<20}{'space':<9}{'CPU s':>9}"
    lines = [f"{title}{'ByzFL torch':>13}{'numpy':>9}{'times faster':>14}"]
    for row in measured:
        if row.byzfl_torch is None or row.byzfl_numpy is None or row.ratio is None:
            theirs = f"  {row.note}"
        else:
            theirs = f"{row.byzfl_torch:>13.3f}{row.byzfl_numpy:>9.3f}{row.ratio:>14.1f}"
        lines.append(f"{row.name:<20}{row.space:<9}{row.seconds:>9.3f}{theirs}")
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m experiments.benchmarks.rules")
    parser.add_argument("names", nargs="*", help="rules to measure; all by default")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--small", action="store_true", help="100,000 coordinates")
    given = parser.parse_args(arguments)
    measured = rows(d=100_000 if given.small else 5_275_840, names=given.names or None)
    if given.json:
        sys.stdout.write(json.dumps([row._asdict() for row in measured], indent=2) + "\n")
    else:
        sys.stdout.write(table(measured))


if __name__ == "__main__":
    main()
