"""Results over seeds: each rule under each attack, its worst case, and comparisons of rules."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pandas as pd

from experiments.report.metrics import LAST
from experiments.report.natural_order import natural
from experiments.report.run_labels import CLEAN
from experiments.report.statistics import Comparison, Estimate, compare, estimate
from frl.errors import InputError, unknown

PERCENT = (0.0, 100.0)


class Outcome(NamedTuple):
    """A rule under an attack, over seeds; everything but ``reached_by`` in percent or megabytes.

    Attributes
    ----------
    setting, defence, attack : str
        See :class:`experiments.report.run_labels.Label`.
    final, best, last : Estimate
        Accuracy after the last round, the best, and the mean of the evaluations of the last ten
        rounds.
    impact : Estimate or None
        Final accuracy that the attack cost: clean minus attacked, paired by seed.
    success : Estimate or None
        Share of triggered examples that a backdoor won.
    megabytes : Estimate or None
        Up and down, all clients, until the accuracy asked for, over the seeds that reached it.
    reached_by : int
        Seeds that reached it.
    evaluations : int
        The fewest evaluations that the last ten rounds of a seed had.
    """

    setting: str
    defence: str
    attack: str
    final: Estimate
    best: Estimate
    last: Estimate
    impact: Estimate | None
    success: Estimate | None
    megabytes: Estimate | None
    reached_by: int
    evaluations: int = LAST


class Worst(NamedTuple):
    """The attack under which a rule ends with the lowest mean accuracy, of so many attacks."""

    setting: str
    defence: str
    attack: str
    attacks: int
    final: Estimate
    impact: Estimate | None


class Paired(NamedTuple):
    """Final accuracy of one rule minus that of another, over the same seeds and attacks."""

    first: str
    second: str
    over: str
    comparison: Comparison


def outcomes(runs: pd.DataFrame) -> list[Outcome]:
    """Summarise measured runs over seeds; rules in order of their names, clean ones first.

    Parameters
    ----------
    runs : DataFrame
        As :func:`experiments.report.metrics.measure` returns it.
    """
    rows = []
    for (setting, defence), of_rule in runs.groupby(["setting", "defence"]):
        clean = of_rule[of_rule["attack"] == CLEAN].set_index("seed")["final"]
        found = {str(attack): group for attack, group in of_rule.groupby("attack")}
        for attack in sorted(found, key=lambda attack: (attack != CLEAN, natural(attack))):
            group = found[attack]
            rows.append(
                Outcome(
                    str(setting),
                    str(defence),
                    attack,
                    estimate(group["final"].tolist(), PERCENT),
                    estimate(group["best"].tolist(), PERCENT),
                    estimate(group["last"].tolist(), PERCENT),
                    None if attack == CLEAN else _impact(clean, group),
                    _known(group["success"], PERCENT),
                    _known(group["megabytes"]),
                    int(group["megabytes"].notna().sum()),
                    int(group["evaluations"].min()),
                )
            )
    return rows


def worst_cases(rows: Sequence[Outcome]) -> list[Worst]:
    """Find for each rule the attack that leaves the least; the most robust rule first."""
    attacked: dict[tuple[str, str], list[Outcome]] = {}
    for row in rows:
        if row.attack != CLEAN:
            attacked.setdefault((row.setting, row.defence), []).append(row)
    found = []
    for under in attacked.values():
        row = min(under, key=lambda row: row.final.mean)
        worst = Worst(row.setting, row.defence, row.attack, len(under), row.final, row.impact)
        found.append(worst)
    return sorted(found, key=lambda worst: (worst.setting, -worst.final.mean))


def paired(runs: pd.DataFrame, first: str, second: str) -> list[Paired]:
    """Compare two rules: over all seeds and attacks that they share, by attack, at their worst.

    Parameters
    ----------
    runs : DataFrame
        As :func:`experiments.report.metrics.measure` returns it.
    first, second : str
        Names of rules as a report shows them.

    Raises
    ------
    InputError
        If there is no such rule, or they share no seed under the same attack.
    """
    known = sorted(set(runs["defence"]))
    for name in (first, second):
        if name not in known:
            raise unknown("rule in these runs", name, known)
    both = _joined(runs, ["setting", "attack", "seed"], first, second)
    found = list(_comparisons(both, first, second)) if len(both) else []
    worst = {(row.setting, row.defence, row.attack) for row in worst_cases(outcomes(runs))}
    rows = zip(runs["setting"], runs["defence"], runs["attack"], strict=True)
    at_worst = _joined(runs[[row in worst for row in rows]], ["setting", "seed"], first, second)
    if len(at_worst):
        found.append(Paired(first, second, "worst attack on each", _compared(at_worst)))
    if not found:
        raise InputError(f"{first} and {second} share no seed under the same attack")
    return found


def _joined(runs: pd.DataFrame, keys: list[str], first: str, second: str) -> pd.DataFrame:
    """Put the final accuracies of two rules side by side where both have one."""
    sides = [runs[runs["defence"] == name].set_index(keys)["final"] for name in (first, second)]
    return pd.concat(sides, axis=1, join="inner", keys=["first", "second"])


def _comparisons(both: pd.DataFrame, first: str, second: str) -> Iterator[Paired]:
    groups = list(both.groupby(level=["setting", "attack"]))
    if len(groups) > 1:
        yield Paired(first, second, "all", _compared(both))
    for (setting, attack), group in groups:
        over = ", ".join(str(part) for part in (attack, setting) if part)
        yield Paired(first, second, over, _compared(group))


def _compared(both: pd.DataFrame) -> Comparison:
    return compare(both["first"].tolist(), both["second"].tolist())


def _impact(clean: pd.Series, attacked: pd.DataFrame) -> Estimate | None:
    lost = (clean - attacked.set_index("seed")["final"]).dropna()
    return estimate(lost.tolist()) if len(lost) else None


def _known(values: pd.Series, within: tuple[float, float] = (0.0, math.inf)) -> Estimate | None:
    known = values.dropna().tolist()
    return estimate(known, within) if known else None


def as_json(
    rows: Sequence[Outcome], worst: Sequence[Worst], pairs: Sequence[Paired]
) -> dict[str, Any]:
    """Everything, with names; accuracies in percent."""
    return {
        "last": LAST,
        "runs": [_named(row) for row in rows],
        "worst": [_named(row) for row in worst],
        "compare": [_named(row) for row in pairs],
    }


def _named(row: Any) -> Any:
    if not hasattr(row, "_asdict"):
        return row
    return {key: _named(value) for key, value in row._asdict().items()}
