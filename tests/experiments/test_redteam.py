"""The search for the worst attack, with runs whose outcome is a formula."""

import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest

import attacks
from experiments.config import Config, flatten, from_flat
from experiments.records import RunDirectory, fields
from experiments.redteam import Budget, Candidate, Search, search, values_to_try
from experiments.redteam.candidates import candidate, fitting_attacks
from experiments.redteam.report import as_json, command, markdown
from experiments.sweep.grid import Point
from experiments.sweep.sweep import Outcome, sweep
from frl.errors import InputError

BASE = from_flat({"attack.fraction": 0.2, "rounds": 9, "seed": 4})
BUDGET = Budget.of(96, 3)


def candidate_of(config: Config) -> Candidate:
    parameters = tuple(sorted(config.attack.parameters().items()))
    return Candidate(config.attack.name, parameters)


class Runs:
    """A runner that gives each configuration the accuracy of a formula, and counts."""

    def __init__(self, accuracy: Callable[[Config], float | None]) -> None:
        self.accuracy = accuracy
        self.asked: list[Config] = []

    def __call__(self, points: Sequence[Point]) -> Iterator[Outcome]:
        for point in reversed(points):
            self.asked.append(point.config)
            found = self.accuracy(point.config)
            if found is None:
                yield Outcome(point, None, "no such trigger")
            else:
                yield Outcome(point, {"accuracy": found})


def by_evasion(config: Config) -> float:
    """Evasion is worst, the more so the longer; the seed shifts a little."""
    shift = 0.001 * config.seed
    if config.attack.name == "evasion":
        return 0.5 - 0.01 * float(config.attack.parameters().get("length", 1.0)) + shift
    return 0.9 - 0.1 * (config.attack.name == "shift_reversal") + shift


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Search, Runs]:
    """One search, and the runs it asked for."""
    runs = Runs(by_evasion)
    return found_by(runs, tmp_path_factory.mktemp("search")), runs


def found_by(runs: Runs, tmp_path: Path, budget: Budget = BUDGET) -> Search:
    return search(BASE, tmp_path, budget, runs)


def test_every_fitting_attack_is_tried_with_its_defaults(searched: tuple[Search, Runs]) -> None:
    found, _ = searched
    tried = {attempt.candidate for attempt in found.short}
    names = fitting_attacks("ranks")
    first = {candidate(name, {k: v[0] for k, v in values_to_try(name).items()}) for name in names}
    assert first <= tried
    assert all(attempt.rounds == 3 for attempt in found.short)
    assert not any(name in tried for name in (Candidate("ipm"), Candidate("alie")))


def test_schedules_are_tried_where_they_are_asked_for(tmp_path: Path) -> None:
    def when(found: Search) -> set[tuple[object, object]]:
        asked = [dict(one.candidate.parameters) for one in found.short if one.candidate]
        return {(keys.get("start", 1), keys.get("every", 1)) for keys in asked}

    assert when(search(BASE, tmp_path / "never", BUDGET, Runs(by_evasion))) == {(1, 1)}
    runs = Runs(by_evasion)
    tried = when(search(BASE, tmp_path / "ever", BUDGET, runs, schedules=True))
    assert {start for start, _ in tried} == {1, 2}
    assert {every for _, every in tried} == {1, 2, 4}
    assert {(config.attack.start, config.attack.every) for config in runs.asked} >= tried


def test_the_budget_is_spent_and_no_run_counts_twice(searched: tuple[Search, Runs]) -> None:
    found, runs = searched
    attacked = [config for config in runs.asked if config.attack.name != "none"]
    assert found.runs == BUDGET.runs == 96
    assert len({json.dumps(flatten(config), sort_keys=True) for config in attacked}) == 96
    clean = [config for config in runs.asked if config.attack.name == "none"]
    assert sorted(config.seed for config in clean) == [4, 5, 6]
    assert {config.attack.fraction for config in clean} == {0.0}


def test_the_worst_is_found_and_has_every_seed(searched: tuple[Search, Runs]) -> None:
    found, _ = searched
    longest = max(filter(None, values_to_try("evasion")["length"]))
    assert found.worst.candidate is not None
    assert found.worst.candidate.attack == "evasion"
    assert dict(found.worst.candidate.parameters)["length"] == longest
    assert sorted(found.worst.accuracies) == [4, 5, 6]
    assert found.worst.mean == min(attempt.mean for attempt in found.last)
    assert found.long[0].mean <= found.long[-1].mean


def test_the_same_search_proposes_the_same_whatever_the_order_of_its_runs(
    searched: tuple[Search, Runs], tmp_path: Path
) -> None:
    (_, first), second = searched, Runs(by_evasion)

    def forward(points: Sequence[Point]) -> Iterator[Outcome]:
        yield from sorted(second(points), key=lambda outcome: outcome.point.order)

    search(BASE, tmp_path, BUDGET, forward)
    assert first.asked == second.asked


def _plain(field: fields.Field) -> Any:
    """Return some value that a record may hold there."""
    return next(value for value in (None, 0, "", {}, []) if field.holds(value))


class Finished:
    """Stands in for a job: a run that ends at once, is put on record, and may end all with it."""

    def __init__(self, flat: Mapping[str, Any], path: Path, fatal: int) -> None:
        self.messages, theirs = Pipe()
        log = path.parents[3] / "begun"
        with log.open("a") as begun:
            begun.write(f"{path}\n")
        if len(log.read_text().splitlines()) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        config, directory = from_flat(dict(flat)), RunDirectory(path)
        with directory.create(config):
            numbers = dict.fromkeys(("seconds", "bytes_up", "bytes_down", "admitted"), 1)
            accuracy = by_evasion(config)
            result = {"accuracy": accuracy, "best_accuracy": accuracy, "loss": None}
            result |= {"rounds": config.rounds, "digest": "", **numbers}
            result |= {"rejected": {}, "attack_success_rate": None}
            row = {name: _plain(field) for name, field in fields.ROW.items()}
            for number in range(config.rounds):
                directory.append({**row, "round": number + 1})
            directory.finish(result)
        theirs.send_bytes(json.dumps({"result": result}).encode())

    def read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.messages.recv_bytes())
        return found

    def stop(self) -> None:
        pass

    def close(self) -> None:
        self.messages.close()


@pytest.mark.parametrize("fatal", [31, 99])
def test_a_search_that_was_killed_carries_on_and_counts_no_run_twice(
    searched: tuple[Search, Runs], tmp_path: Path, fatal: int
) -> None:
    def run(points: Sequence[Point]) -> Iterator[Outcome]:
        yield from sweep(points, jobs=1, start=lambda flat, path, _: Finished(flat, path, fatal))  # type: ignore[arg-type, return-value]

    child = os.fork()
    if not child:
        search(BASE, tmp_path / "runs", BUDGET, run)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    found = search(BASE, tmp_path / "runs", BUDGET, run)

    assert os.WTERMSIG(status) == signal.SIGKILL
    assert found == searched[0]
    times = Counter((tmp_path / "begun").read_text().splitlines())
    assert len(times) == 96 + 3
    assert [path for path, number in times.items() if number > 1] == [list(times)[fatal - 1]]


def test_what_cannot_be_run_is_told_and_not_counted(tmp_path: Path) -> None:
    def accuracy(config: Config) -> float | None:
        return None if config.attack.name in ("badnets", "dba") else by_evasion(config)

    found = found_by(Runs(accuracy), tmp_path)
    failed = [attempt for attempt in found.short if attempt.errors]
    assert {attempt.candidate.attack for attempt in failed if attempt.candidate} == {
        "badnets",
        "dba",
    }
    assert found.runs == 96
    assert "attacks could not be run" in markdown(found, ["frl", "run"])


def test_weights_have_their_own_attacks() -> None:
    assert "ipm" in fitting_attacks("weights")
    assert "shift_reversal" not in fitting_attacks("weights")
    assert "label_flip" in fitting_attacks("weights")


@pytest.mark.parametrize("name", attacks.list())
def test_values_to_try_are_taken_and_leave_the_view_of_honest_clients_out(name: str) -> None:
    for parameter, values in values_to_try(name).items():
        assert values
        assert "benign" not in values
        for value in filter(None, values):
            attacks.make(name, **{parameter: value})


def test_commands_run_what_was_found(searched: tuple[Search, Runs]) -> None:
    found, _ = searched
    row = as_json(found, ["frl", "run", "mnist.toml"], dict(flatten(BASE)))["worst"]
    assert row["command"].startswith("frl run mnist.toml -o rounds=9 -o attack.name=evasion -o ")
    assert command(["frl"], None) == "frl -o attack.name=none -o attack.fraction=0.0"
    assert json.loads(json.dumps(row)) == row


def test_a_search_without_malicious_clients_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"attack\.fraction: got 0"):
        search(from_flat({}), tmp_path, BUDGET, Runs(by_evasion))


@pytest.mark.parametrize(("runs", "seeds"), [(1, 3), (2, 2), (5, 9)])
def test_a_budget_too_small_for_its_stages_is_refused(runs: int, seeds: int) -> None:
    with pytest.raises(InputError, match="--budget: got"):
        Budget.of(runs, seeds)


def test_a_budget_too_small_for_every_attack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one for each attack"):
        found_by(Runs(by_evasion), tmp_path, Budget.of(20, 2))


@pytest.mark.parametrize("runs", range(8, 400, 17))
@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_stages_add_up_to_the_budget(runs: int, seeds: int) -> None:
    budget: Any = Budget.of(runs, seeds)
    assert budget.runs == runs
    assert budget.short >= budget.long >= budget.last >= 1
