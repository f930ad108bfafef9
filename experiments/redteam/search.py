"""Successive halving over attacks: many short runs, then the worst few longer, with more seeds.

Each attack is first tried with its defaults; which parameters are tried next is proposed by a
tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011; Optuna's, seeded), and by chance
where that proposes what was tried before. The proposals follow from the seed and from the results
alone, so a search that was stopped proposes the same again, finds those runs finished, and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

import optuna

from experiments.config import Config, Scalar, flatten, from_flat
from experiments.records import RunDirectory
from experiments.redteam.budget import Budget, short_rounds
from experiments.redteam.candidates import (
    Candidate,
    Values,
    candidate,
    fitting_attacks,
    schedules_to_try,
    values_to_try,
)
from experiments.sweep.grid import Point
from experiments.sweep.sweep import Outcome
from frl.errors import InputError

_BATCH = 4
_MISSES = 200
Runner = Callable[[Sequence[Point]], Iterator[Outcome]]


class Attempt(NamedTuple):
    """The effect of an attack on the defence.

    Attributes
    ----------
    candidate : Candidate or None
        ``None`` for no attack.
    rounds : int
        Length of its runs.
    accuracies : dict of seed to float
        At the end of each.
    errors : dict of seed to str
        Why a run has no result.
    """

    candidate: Candidate | None
    rounds: int
    accuracies: dict[int, float]
    errors: dict[int, str]

    @property
    def mean(self) -> float:
        """Mean accuracy over the seeds that have a result; 1 where none has."""
        return mean(self.accuracies.values()) if self.accuracies else 1.0

    @property
    def spread(self) -> float | None:
        """Standard deviation over seeds; ``None`` for a single one."""
        return stdev(self.accuracies.values()) if len(self.accuracies) > 1 else None


class Search(NamedTuple):
    """The result of a search.

    Attributes
    ----------
    budget : Budget
    runs : int
        Runs under attack that ended with a result: fewer than the budget where no more was left to
        try. Those that failed, such as a trigger that does not fit the data, are not counted.
    clean : Attempt
        No attack, all seeds; not counted.
    short, long : list of Attempt
        Of the first two stages, the worst first.
    last : list of Attempt
        With every seed, the worst first.
    """

    budget: Budget
    runs: int
    clean: Attempt
    short: list[Attempt]
    long: list[Attempt]
    last: list[Attempt]

    @property
    def worst(self) -> Attempt:
        """The attack that hurts most over all seeds."""
        return self.last[0]


def search(
    config: Config,
    out: Path,
    budget: Budget,
    run: Runner,
    *,
    benign: bool = False,
    schedules: bool = False,
) -> Search:
    """Look for the worst attack on the defence that a configuration describes.

    Parameters
    ----------
    config : Config
        Its seed is the first of the seeds; its attack is left aside but for the share of malicious
        clients and how they are drawn.
    out : Path
        Folder of the runs; those that are finished there are not run again.
    budget : Budget
    run : callable
        Carries out points and yields how each ended.
    benign : bool
        Also try attacks that see the benign clients' updates of the round.
    schedules : bool
        Also try attackers that behave at first, or in most rounds.

    Raises
    ------
    InputError
        If there are no malicious clients.
    """
    if not config.attack.fraction:
        raise InputError("attack.fraction: got 0; takes the share of malicious clients to search")
    field = _Field(config, out, run)
    seeds = [config.seed + extra for extra in range(budget.seeds)]
    clean = field.attempts([None], config.rounds, seeds)[0]
    short = _worst_first(_explore(field, budget.short, benign, schedules))
    chosen = [attempt.candidate for attempt in short if attempt.accuracies][: budget.long]
    if not chosen:
        raise InputError(f"no attack could be run, the first: {_first_error(short)}")
    long = _worst_first(field.attempts(chosen, config.rounds, seeds[:1]))
    finalists = [attempt.candidate for attempt in long if attempt.accuracies][: budget.last]
    last = _worst_first(field.attempts(finalists, config.rounds, seeds))
    runs = {
        (attempt.candidate, attempt.rounds, seed)
        for attempt in (*short, *long, *last)
        for seed in attempt.accuracies
    }
    return Search(budget, len(runs), clean, short, long, last)


class _Field:
    """A runner of attacks against one defence, in one folder."""

    def __init__(self, config: Config, out: Path, run: Runner) -> None:
        self.config = config
        self._out = out
        self._run = run

    def attempts(
        self, tried: Sequence[Candidate | None], rounds: int, seeds: Sequence[int]
    ) -> list[Attempt]:
        """Run each candidate with each seed; in the order of the candidates."""
        points = [
            self._point(len(seeds) * place + number, one, rounds, seed)
            for place, one in enumerate(tried)
            for number, seed in enumerate(seeds)
        ]
        ended = {outcome.point.order: outcome for outcome in self._run(points)}
        found = []
        for place, one in enumerate(tried):
            mine = [(seed, ended[len(seeds) * place + n]) for n, seed in enumerate(seeds)]
            found.append(
                Attempt(
                    one,
                    rounds,
                    {s: end.result["accuracy"] for s, end in mine if end.result is not None},
                    {s: end.error for s, end in mine if end.result is None},
                )
            )
        return found

    def _point(self, order: int, tried: Candidate | None, rounds: int, seed: int) -> Point:
        config = from_flat(attacked(self.config, tried) | {"rounds": rounds, "seed": seed})
        name = tried.folder() if tried else "clean"
        directory = RunDirectory(self._out / f"rounds-{rounds}" / name / f"seed-{seed}")
        if directory.begun() and directory.config() != config:
            raise InputError(
                f"{directory.path} holds a run of another configuration; choose another --out"
            )
        return Point(order, name, config, directory)


def attacked(config: Config, tried: Candidate | None) -> dict[str, Scalar]:
    """Return the dotted keys of a defence under another attack."""
    own = {f"attack.{key}" for key in config.attack.parameters()}
    flat = {key: value for key, value in flatten(config).items() if key not in own}
    if tried is None:
        return flat | {"attack.name": "none", "attack.fraction": 0.0}
    return flat | tried.keys()


def _explore(field: _Field, number: int, benign: bool, schedules: bool) -> list[Attempt]:
    """Try a number of candidates in short runs: every attack once, then what looks worst."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    config = field.config
    rounds = short_rounds(config.rounds)
    when = schedules_to_try(rounds) if schedules else {}
    space = {
        name: values_to_try(name, benign=benign) | when
        for name in fitting_attacks(config.strategy.method.space)
    }
    guided = optuna.samplers.TPESampler(seed=config.seed, n_startup_trials=len(space))
    chance = optuna.samplers.RandomSampler(seed=config.seed)
    study = optuna.create_study()
    for name, values in space.items():
        study.enqueue_trial({"attack": name, **{f"{name}.{key}": 0 for key in values}})
    if number < len(space):
        raise InputError(
            f"--budget: leaves {number} short runs; takes {len(space)} or more of them, one for "
            "each attack"
        )
    tried: dict[Candidate, Attempt] = {}
    left, misses = number, 0
    while left and misses < _MISSES:
        asked: dict[Candidate, optuna.Trial] = {}
        while len(asked) < min(_BATCH, left) and misses < _MISSES:
            study.sampler = chance if misses else guided
            trial = study.ask()
            proposed = _proposed(trial, space)
            if proposed in tried or proposed in asked:
                misses += 1
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
                continue
            asked[proposed], misses = trial, 0
        for attempt in field.attempts(list(asked), rounds, [config.seed]) if asked else ():
            assert attempt.candidate is not None
            tried[attempt.candidate] = attempt
            left -= bool(attempt.accuracies)
            if attempt.accuracies:
                study.tell(asked[attempt.candidate], attempt.mean)
            else:
                study.tell(asked[attempt.candidate], state=optuna.trial.TrialState.FAIL)
    return list(tried.values())


def _proposed(trial: optuna.Trial, space: dict[str, dict[str, Values]]) -> Candidate:
    name = trial.suggest_categorical("attack", list(space))
    chosen = {
        key: values[trial.suggest_int(f"{name}.{key}", 0, len(values) - 1)]
        for key, values in space[name].items()
    }
    return candidate(name, chosen)


def _worst_first(attempts: Sequence[Attempt]) -> list[Attempt]:
    return sorted(attempts, key=lambda attempt: (attempt.mean, str(attempt.candidate)))


def _first_error(attempts: Sequence[Attempt]) -> str:
    return next((error for one in attempts for error in one.errors.values()), "none fits")
